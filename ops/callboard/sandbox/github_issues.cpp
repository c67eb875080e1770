#include <algorithm>
#include <charconv>
#include <utility>

#include <fmt/format.h>

#include "ops/callboard/sandbox/github_rest.hpp"

namespace callboard::sandbox::github_rest {

namespace {

/// A benchmark may run all night; the memory of a sandbox must not.
constexpr std::size_t issues_max = 100'000;
constexpr std::int64_t page_max = 100;
constexpr std::int64_t page_default = 30;

json::object* find_record(api_call& x, std::string_view number) {
  auto& issues = x.repository->at("issues").as_object();
  auto* value = issues.if_contains(number);
  return value ? &value->as_object() : nullptr;
}

json::object describe_milestone(const api_call& x, const json::value& number) {
  const auto text = std::to_string(number.as_int64());
  const auto title = find_string(x.repository->at("milestones").as_object(), text);
  return {{"number", number}, {"title", title.value_or("")}};
}

json::object describe_issue(const api_call& x, const json::object& record) {
  const auto number = std::to_string(record.at("number").as_int64());
  const bool pull = record.contains("pull");
  const auto page = x.html_url() + (pull ? "/pull/" : "/issues/") + number;
  json::array labels;
  for (const auto& name : record.at("labels").as_array())
    labels.push_back(json::object{{"name", name}, {"color", "ededed"}});
  json::array assignees;
  for (const auto& login : record.at("assignees").as_array())
    assignees.push_back(describe_user(x, login.as_string()));
  json::object out{{"id", record.at("id")},
                   {"number", record.at("number")},
                   {"url", x.repo_url() + "/issues/" + number},
                   {"html_url", page},
                   {"title", record.at("title")},
                   {"body", record.at("body")},
                   {"state", record.at("state")},
                   {"state_reason", record.at("state_reason")},
                   {"user", describe_user(x, record.at("user").as_string())},
                   {"labels", std::move(labels)},
                   {"assignees", std::move(assignees)},
                   {"comments", record.at("comments").as_array().size()},
                   {"locked", false},
                   {"created_at", record.at("created_at")},
                   {"updated_at", record.at("updated_at")},
                   {"closed_at", record.at("closed_at")}};
  const auto& milestone = record.at("milestone");
  out["milestone"] = milestone.is_null() ? json::value(nullptr) : describe_milestone(x, milestone);
  if (pull)
    out["pull_request"] =
      json::object{{"url", x.repo_url() + "/pulls/" + number}, {"html_url", page}};
  return out;
}

json::object describe_comment(const api_call& x, const json::object& record,
                              const json::object& comment) {
  const auto number = std::to_string(record.at("number").as_int64());
  const auto id = std::to_string(comment.at("id").as_int64());
  return {{"id", comment.at("id")},
          {"url", x.repo_url() + "/issues/comments/" + id},
          {"html_url", x.html_url() + "/issues/" + number + "#issuecomment-" + id},
          {"body", comment.at("body")},
          {"user", describe_user(x, comment.at("user").as_string())},
          {"created_at", comment.at("created_at")},
          {"updated_at", comment.at("created_at")}};
}

/// Checks the members that create and update share; the record changes only when all are right.
std::vector<field_problem> apply_fields(const api_call& x, json::object& record) {
  std::vector<field_problem> problems;
  auto wanted = record;
  if (const auto* title = find(x.body, "title")) {
    if (!title->is_string() || trim(title->get_string()).empty())
      problems.push_back({"Issue", "title", title->is_string() ? "missing_field" : "invalid", {}});
    wanted["title"] = *title;
  }
  if (const auto* body = find(x.body, "body")) {
    if (!body->is_string() && !body->is_null())
      problems.push_back({"Issue", "body", "invalid", {}});
    wanted["body"] = *body;
  }
  for (const char* name : {"labels", "assignees"}) {
    const auto* list = find(x.body, name);
    if (list == nullptr)
      continue;
    const auto is_text = [](const json::value& item) { return item.is_string(); };
    if (!list->is_array()
        || !std::all_of(list->get_array().begin(), list->get_array().end(), is_text)) {
      problems.push_back({"Issue", name, "invalid", {}});
      continue;
    }
    const bool people = std::string_view{name} == "assignees";
    for (const auto& item : list->get_array())
      if (people && x.may_push() && !github_store::may_push(*x.repository, item.get_string()))
        problems.push_back({"Issue", name, "invalid", {}});
    // Without push access GitHub drops them and says nothing.
    if (x.may_push())
      wanted[name] = *list;
  }
  if (const auto* milestone = find(x.body, "milestone"); milestone != nullptr && x.may_push()) {
    const auto& known = x.repository->at("milestones").as_object();
    if (!milestone->is_null()
        && (!milestone->is_int64() || !known.contains(std::to_string(milestone->get_int64()))))
      problems.push_back({"Issue", "milestone", "invalid", {}});
    wanted["milestone"] = *milestone;
  }
  if (problems.empty())
    record = std::move(wanted);
  return problems;
}

/// A new record with the next number of the repository, not yet stored.
json::object make_record(api_call& x) {
  const auto& issues = x.repository->at("issues").as_object();
  return {{"number", static_cast<std::int64_t>(issues.size()) + 1},
          {"id", x.store.next_id()},
          {"title", ""},
          {"body", nullptr},
          {"state", "open"},
          {"state_reason", nullptr},
          {"user", x.caller.login},
          {"labels", json::array{}},
          {"assignees", json::array{}},
          {"milestone", nullptr},
          {"comments", json::array{}},
          {"created_at", time_text(x.in.now)},
          {"updated_at", time_text(x.in.now)},
          {"closed_at", nullptr}};
}

void store_record(api_call& x, const json::object& record) {
  x.repository->at("issues").as_object()[std::to_string(record.at("number").as_int64())] = record;
}

bool is_full(const api_call& x) {
  return x.repository->at("issues").as_object().size() >= issues_max;
}

answer full() { return problem(503, "The sandbox keeps no more issues; reset it."); }

} // namespace

answer page_of(const api_call& x, const json::array& all) {
  const auto number = [&x](std::string_view name, std::int64_t otherwise, std::int64_t high) {
    const auto text = find_field(x.in.query, name).value_or("");
    std::int64_t value = otherwise;
    std::from_chars(text.data(), text.data() + text.size(), value);
    return std::clamp<std::int64_t>(value, 1, high);
  };
  const auto size = static_cast<std::size_t>(number("per_page", page_default, page_max));
  const auto page = static_cast<std::size_t>(number("page", 1, 1'000'000));
  json::array items;
  for (auto i = (page - 1) * size; i < std::min(all.size(), page * size); ++i)
    items.push_back(all[i]);
  auto out = json_answer(200, items);
  if (page * size < all.size()) {
    auto query = x.in.query;
    std::erase_if(query, [](const name_value& field) { return field.first == "page"; });
    query.emplace_back("page", std::to_string(page + 1));
    out.headers.push_back({"Link", fmt::format("<{}{}?{}>; rel=\"next\"", x.in.base_url, x.in.path,
                                               encode_form(query))});
  }
  return out;
}

answer create_issue(api_call& x) {
  if (!x.repository->at("has_issues").as_bool())
    return problem(410, "Issues are disabled for this repo");
  if (is_full(x))
    return full();
  if (find(x.body, "title") == nullptr)
    return validation_failed({{"Issue", "title", "missing_field", {}}});
  auto record = make_record(x);
  if (auto problems = apply_fields(x, record); !problems.empty())
    return validation_failed(problems);
  store_record(x, record);
  auto out = json_answer(201, describe_issue(x, record));
  out.headers.push_back(
    {"Location", x.repo_url() + "/issues/" + std::to_string(record.at("number").as_int64())});
  return out;
}

answer list_issues(api_call& x) {
  const auto state = find_field(x.in.query, "state").value_or("open");
  json::array all;
  for (const auto& [number, record] : x.repository->at("issues").as_object())
    if (state == "all" || record.at("state").as_string() == state)
      all.insert(all.begin(), describe_issue(x, record.as_object()));
  return page_of(x, all);
}

answer get_issue(api_call& x) {
  const auto* record = find_record(x, x.parts[2]);
  return record ? json_answer(200, describe_issue(x, *record)) : not_found();
}

answer update_issue(api_call& x) {
  auto* record = find_record(x, x.parts[2]);
  if (record == nullptr)
    return not_found();
  if (!x.may_push() && x.caller.login != record->at("user").as_string())
    return problem(403, "Must have admin rights to Repository.");
  auto wanted = *record;
  auto problems = apply_fields(x, wanted);
  const auto state = find_string(x.body, "state");
  if (find(x.body, "state") != nullptr && state != "open" && state != "closed")
    problems.push_back({"Issue", "state", "invalid", {}});
  const auto reason = find_string(x.body, "state_reason");
  if (reason && *reason != "completed" && *reason != "not_planned" && *reason != "duplicate"
      && *reason != "reopened")
    problems.push_back({"Issue", "state_reason", "invalid", {}});
  if (!problems.empty())
    return validation_failed(problems);
  const auto now = time_text(x.in.now);
  if (state && *state != to_std(wanted.at("state").as_string())) {
    wanted["state"] = *state;
    wanted["closed_at"] = *state == "closed" ? json::value(now) : json::value(nullptr);
    wanted["state_reason"] = *state == "closed" ? "completed" : "reopened";
  }
  if (reason)
    wanted["state_reason"] = *reason;
  wanted["updated_at"] = now;
  *record = std::move(wanted);
  return json_answer(200, describe_issue(x, *record));
}

answer create_comment(api_call& x) {
  auto* record = find_record(x, x.parts[2]);
  if (record == nullptr)
    return not_found();
  const auto body = find_string(x.body, "body");
  if (!body || trim(*body).empty())
    return validation_failed({{"IssueComment", "body", body ? "missing_field" : "invalid", {}}});
  auto& comments = record->at("comments").as_array();
  if (comments.size() >= issues_max)
    return full();
  const auto now = time_text(x.in.now);
  const json::object comment{
    {"id", x.store.next_id()}, {"body", *body}, {"user", x.caller.login}, {"created_at", now}};
  comments.push_back(comment);
  (*record)["updated_at"] = now;
  return json_answer(201, describe_comment(x, *record, comment));
}

answer list_comments(api_call& x) {
  const auto* record = find_record(x, x.parts[2]);
  if (record == nullptr)
    return not_found();
  json::array all;
  for (const auto& comment : record->at("comments").as_array())
    all.push_back(describe_comment(x, *record, comment.as_object()));
  return page_of(x, all);
}

namespace {

json::object describe_pull(const api_call& x, const json::object& record) {
  auto out = describe_issue(x, record);
  out.erase("pull_request");
  const auto& pull = record.at("pull").as_object();
  out["url"] = x.repo_url() + "/pulls/" + std::to_string(record.at("number").as_int64());
  for (const char* side : {"head", "base"}) {
    const auto ref = to_std(pull.at(side).as_string());
    out[side] = json::object{{"ref", ref},
                             {"label", x.full_name.substr(0, x.full_name.find('/')) + ':' + ref},
                             {"sha", resolve_ref(*x.repository, ref).value_or("")}};
  }
  out["draft"] = pull.at("draft");
  out["maintainer_can_modify"] = pull.at("maintainer_can_modify");
  out["merged"] = false;
  out["mergeable"] = true;
  out["mergeable_state"] = pull.at("draft").as_bool() ? "draft" : "clean";
  return out;
}

/// The branch of this repository that `head` names; nothing when it is elsewhere or unknown.
std::optional<std::string> own_branch(const api_call& x, std::string head) {
  const auto owner = x.full_name.substr(0, x.full_name.find('/'));
  if (const auto colon = head.find(':'); colon != std::string::npos) {
    if (!iequals(head.substr(0, colon), owner))
      return std::nullopt;
    head = head.substr(colon + 1);
  }
  const auto& branches = x.repository->at("branches").as_object();
  return branches.contains(head) ? std::optional{head} : std::nullopt;
}

/// Why a pull request from `head` into `base` cannot be.
std::vector<field_problem> refuse_pull(const api_call& x, const std::optional<std::string>& head,
                                       const std::optional<std::string>& base) {
  if (!head || !base)
    return {{"PullRequest", head ? "base" : "head", "invalid", {}}};
  if (resolve_ref(*x.repository, *head) == resolve_ref(*x.repository, *base))
    return {{"PullRequest", "", "custom", "No commits between " + *base + " and " + *head}};
  for (const auto& [number, value] : x.repository->at("issues").as_object()) {
    const auto& record = value.as_object();
    const auto* pull = find_object(record, "pull");
    if (pull != nullptr && record.at("state").as_string() == "open"
        && pull->at("head").as_string() == *head && pull->at("base").as_string() == *base)
      return {{"PullRequest", "", "custom",
               "A pull request already exists for " + x.full_name.substr(0, x.full_name.find('/'))
                 + ':' + *head + '.'}};
  }
  return {};
}

} // namespace

answer create_pull(api_call& x) {
  const auto head = find_string(x.body, "head");
  const auto base = find_string(x.body, "base");
  const auto issue = find_integer(x.body, "issue");
  if (!head || !base)
    return validation_failed({{"PullRequest", head ? "base" : "head", "missing_field", {}}});
  if (!issue && !find_string(x.body, "title"))
    return validation_failed({{"PullRequest", "title", "missing_field", {}}});
  if (is_full(x))
    return full();
  const auto from = own_branch(x, *head);
  if (auto problems = refuse_pull(x, from, own_branch(x, *base)); !problems.empty())
    return validation_failed(problems);
  auto record = make_record(x);
  if (issue) {
    const auto* old = find_record(x, std::to_string(*issue));
    if (old == nullptr || old->contains("pull"))
      return validation_failed({{"PullRequest", "issue", "invalid", {}}});
    record = *old;
  }
  if (auto problems = apply_fields(x, record); !problems.empty())
    return validation_failed(problems);
  record["pull"] = json::object{
    {"head", *from},
    {"base", *base},
    {"draft", find_bool(x.body, "draft").value_or(false)},
    {"maintainer_can_modify", find_bool(x.body, "maintainer_can_modify").value_or(false)}};
  store_record(x, record);
  return json_answer(201, describe_pull(x, record));
}

answer get_pull(api_call& x) {
  const auto* record = find_record(x, x.parts[2]);
  if (record == nullptr || !record->contains("pull"))
    return not_found();
  return json_answer(200, describe_pull(x, *record));
}

answer search_issues(api_call& x) {
  const auto query = find_field(x.in.query, "q").value_or("");
  if (trim(query).empty())
    return validation_failed({{"Search", "q", "missing", {}}});
  json::array all;
  for (auto& [name, value] : x.store.part("repositories")) {
    auto* repository = x.store.find_repository(name, x.caller.login);
    if (repository == nullptr)
      continue;
    x.repository = repository;
    x.full_name = name;
    for (const auto& [number, record] : repository->at("issues").as_object())
      if (issue_fits(query, name, record.as_object()))
        all.insert(all.begin(), describe_issue(x, record.as_object()));
  }
  if (const auto at = query.find("repo:"); at != std::string::npos) {
    const auto name = query.substr(at + 5, query.find_first_of(" \t", at) - at - 5);
    if (x.store.find_repository(name, x.caller.login) == nullptr)
      return validation_failed(
        {{"Search", "q", "invalid",
          "The listed users and repositories cannot be searched either because the resources do "
          "not exist or you do not have permission to view them."}});
  }
  auto out = page_of(x, all);
  const auto items = parse_json(out.body);
  out.body = json::serialize(json::object{{"total_count", all.size()},
                                          {"incomplete_results", false},
                                          {"items", items ? *items : json::array{}}});
  return out;
}

} // namespace callboard::sandbox::github_rest
