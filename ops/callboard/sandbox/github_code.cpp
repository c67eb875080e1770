#include <utility>

#include "core/base/digest.hpp"
#include "ops/callboard/sandbox/github_rest.hpp"
#include "ops/callboard/sandbox/html.hpp"

namespace callboard::sandbox::github_rest {

namespace {

/// GitHub breaks its base64 there.
constexpr std::size_t base64_columns = 60;
/// Above it, the content is empty and its encoding "none".
constexpr std::size_t content_bytes_max = 1024u * 1024;
/// A workflow takes no more inputs.
constexpr std::size_t inputs_max = 25;
constexpr std::size_t runs_max = 10'000;
constexpr std::size_t gists_max = 10'000;

json::object describe_commit(const api_call& x, const std::string& sha) {
  const auto& commit = x.repository->at("commits").at(sha).as_object();
  json::array parents;
  if (!commit.at("parent").as_string().empty())
    parents.push_back(json::object{{"sha", commit.at("parent")}});
  return {{"sha", sha},
          {"url", x.repo_url() + "/commits/" + sha},
          {"html_url", x.html_url() + "/commit/" + sha},
          {"commit", {{"message", commit.at("message")}}},
          {"parents", std::move(parents)}};
}

/// The files that a ref shows; null when it is unknown.
const json::object* files_at(const api_call& x, std::string_view ref) {
  const auto sha = resolve_ref(*x.repository, ref);
  return sha ? &x.repository->at("commits").at(*sha).at("files").as_object() : nullptr;
}

bool is_empty(const api_call& x) { return x.repository->at("branches").as_object().empty(); }

} // namespace

answer get_repository(api_call& x) {
  const auto owner = x.full_name.substr(0, x.full_name.find('/'));
  return json_answer(200, json::object{{"id", x.repository->at("id")},
                                       {"name", x.full_name.substr(owner.size() + 1)},
                                       {"full_name", x.full_name},
                                       {"owner", describe_user(x, owner)},
                                       {"private", x.repository->at("private")},
                                       {"archived", x.repository->at("archived")},
                                       {"has_issues", x.repository->at("has_issues")},
                                       {"default_branch", x.repository->at("default_branch")},
                                       {"html_url", x.html_url()},
                                       {"url", x.repo_url()}});
}

answer get_commit(api_call& x) {
  if (is_empty(x))
    return problem(409, "Git Repository is empty.");
  const auto sha = resolve_ref(*x.repository, x.parts[2]);
  if (!sha)
    return problem(422, "No commit found for SHA: " + x.parts[2]);
  return json_answer(200, describe_commit(x, *sha));
}

answer create_ref(api_call& x) {
  constexpr std::string_view prefix = "refs/heads/";
  const auto ref = find_string(x.body, "ref");
  const auto sha = find_string(x.body, "sha");
  if (!ref || !sha)
    return validation_failed({{"Reference", ref ? "sha" : "ref", "missing_field", {}}});
  if (is_empty(x))
    return problem(409, "Git Repository is empty.");
  if (!ref->starts_with(prefix) || ref->size() == prefix.size()
      || ref->find_first_of(" ~^:?*[\\") != std::string::npos
      || ref->find("..") != std::string::npos)
    return problem(422, "Reference name is not well-formed");
  auto& branches = x.repository->at("branches").as_object();
  const auto name = ref->substr(prefix.size());
  if (branches.contains(name))
    return problem(422, "Reference already exists");
  if (!x.repository->at("commits").as_object().contains(*sha))
    return problem(422, "Object does not exist");
  branches[name] = *sha;
  return json_answer(
    201, json::object{
           {"ref", *ref},
           {"node_id", "REF_" + name},
           {"url", x.repo_url() + "/git/" + *ref},
           {"object",
            {{"type", "commit"}, {"sha", *sha}, {"url", x.repo_url() + "/git/commits/" + *sha}}}});
}

answer list_branches(api_call& x) {
  json::array all;
  for (const auto& [name, sha] : x.repository->at("branches").as_object())
    all.push_back(json::object{{"name", name}, {"commit", {{"sha", sha}}}, {"protected", false}});
  return page_of(x, all);
}

namespace {

std::string wrapped_base64(std::string_view bytes) {
  const auto text = to_base64(bytes);
  std::string out;
  for (std::size_t i = 0; i < text.size(); i += base64_columns)
    out += text.substr(i, base64_columns) + '\n';
  return out;
}

json::object describe_entry(const api_call& x, const std::string& path, std::string_view type,
                            std::string_view text) {
  const auto name = path.substr(path.rfind('/') + 1);
  return {{"type", type},
          {"name", name},
          {"path", path},
          {"sha", make_sha(std::string{type} + '\n' + path + '\n' + std::string{text})},
          {"size", text.size()},
          {"url", x.repo_url() + "/contents/" + path},
          {"html_url", x.html_url() + "/blob/main/" + path}};
}

json::object describe_file(const api_call& x, const std::string& path, std::string_view text) {
  auto out = describe_entry(x, path, "file", text);
  const bool large = text.size() > content_bytes_max;
  out["encoding"] = large ? "none" : "base64";
  out["content"] = large ? std::string{} : wrapped_base64(text);
  return out;
}

/// What is directly below a directory; empty when there is no such directory.
json::array list_directory(const api_call& x, const json::object& files, const std::string& path) {
  const auto prefix = path.empty() ? std::string{} : path + '/';
  json::object seen;
  json::array entries;
  for (const auto& [name, text] : files) {
    const std::string full{name};
    if (!full.starts_with(prefix))
      continue;
    const auto slash = full.find('/', prefix.size());
    const auto child = full.substr(0, slash);
    if (!seen.emplace(child, true).second)
      continue;
    const bool folder = slash != std::string::npos;
    entries.push_back(describe_entry(x, child, folder ? "dir" : "file",
                                     folder ? std::string_view{} : text.as_string()));
  }
  return entries;
}

/// The path behind contents/, from one encoded segment or several plain ones.
std::string content_path(const api_call& x) {
  std::string path;
  for (std::size_t i = 2; i < x.parts.size(); ++i)
    path += (path.empty() ? "" : "/") + x.parts[i];
  while (!path.empty() && path.back() == '/')
    path.pop_back();
  return path;
}

} // namespace

answer get_content(api_call& x) {
  const auto ref = find_field(x.in.query, "ref").value_or("HEAD");
  if (is_empty(x))
    return problem(404, "This repository is empty.");
  const auto* files = files_at(x, ref);
  if (files == nullptr)
    return problem(404, "No commit found for the ref " + ref);
  const auto path = content_path(x);
  const auto accept = std::string{x.in.header("Accept")};
  if (const auto text = find_string(*files, path)) {
    if (accept.find("github.raw") != std::string::npos)
      return text_answer(200, "application/vnd.github.raw+json; charset=utf-8", *text);
    if (accept.find("github.html") != std::string::npos)
      return text_answer(200, "application/vnd.github.html+json; charset=utf-8",
                         "<article><pre>" + html_escape(*text) + "</pre></article>");
    return json_answer(200, describe_file(x, path, *text));
  }
  auto entries = list_directory(x, *files, path);
  if (entries.empty())
    return not_found();
  if (accept.find("github.object") == std::string::npos)
    return json_answer(200, entries);
  auto out = describe_entry(x, path, "dir", {});
  out["entries"] = std::move(entries);
  return json_answer(200, out);
}

answer put_content(api_call& x) {
  const auto message = find_string(x.body, "message");
  const auto content = find_string(x.body, "content");
  if (!message || !content)
    return validation_failed({{"Commit", message ? "content" : "message", "missing_field", {}}});
  const auto text = from_base64(*content);
  if (!text)
    return problem(422, "content is not valid Base64");
  const auto path = content_path(x);
  const auto branch =
    find_string(x.body, "branch").value_or(to_std(x.repository->at("default_branch").as_string()));
  const auto& branches = x.repository->at("branches").as_object();
  if (!is_empty(x) && !branches.contains(branch))
    return problem(404, "Branch " + branch + " not found");
  std::optional<std::string> old;
  if (const auto* files = files_at(x, branch))
    old = find_string(*files, path);
  if (old) {
    const auto current = to_std(describe_entry(x, path, "file", *old).at("sha").as_string());
    const auto given = find_string(x.body, "sha");
    if (!given)
      return problem(422, "Invalid request.\n\n\"sha\" wasn't supplied.");
    if (*given != current)
      return problem(409, path + " does not match " + *given);
  }
  const auto sha = commit_file(*x.repository, branch, path, *text, *message);
  return json_answer(old ? 200 : 201, json::object{{"content", describe_file(x, path, *text)},
                                                   {"commit", describe_commit(x, sha)}});
}

answer dispatch_workflow(api_call& x) {
  const json::object* workflow = nullptr;
  for (const auto& [file, value] : x.repository->at("workflows").as_object())
    if (file == x.parts[2] || std::to_string(value.at("id").as_int64()) == x.parts[2])
      workflow = &value.as_object();
  if (workflow == nullptr)
    return not_found();
  const auto ref = find_string(x.body, "ref");
  if (!ref)
    return problem(422, "Invalid request.\n\n\"ref\" wasn't supplied.");
  if (!resolve_ref(*x.repository, *ref))
    return problem(404, "No ref found for: " + *ref);
  if (!workflow->at("dispatch").as_bool())
    return problem(422, "Workflow does not have 'workflow_dispatch' trigger");
  json::object inputs;
  if (const auto* given = find_object(x.body, "inputs"))
    inputs = *given;
  if (inputs.size() > inputs_max)
    return problem(422, "You may only define up to 25 inputs");
  for (const auto& [name, value] : inputs) {
    const auto& known = workflow->at("inputs").as_array();
    if (std::find(known.begin(), known.end(), json::value(name)) == known.end())
      return problem(422, "Unexpected inputs provided: [\"" + std::string{name} + "\"]");
  }
  auto& runs = x.repository->at("runs").as_array();
  if (runs.size() >= runs_max)
    return problem(503, "The sandbox keeps no more runs; reset it.");
  const auto id = x.store.next_id();
  runs.push_back(json::object{{"id", id},
                              {"workflow_id", workflow->at("id")},
                              {"head_branch", *ref},
                              {"event", "workflow_dispatch"},
                              {"status", "queued"},
                              {"inputs", inputs}});
  if (!find_bool(x.body, "return_run_details").value_or(false)) {
    answer out;
    out.status = 204;
    return out;
  }
  const auto run = "/actions/runs/" + std::to_string(id);
  return json_answer(200, json::object{{"workflow_run_id", id},
                                       {"run_url", x.repo_url() + run},
                                       {"html_url", x.html_url() + run}});
}

answer list_runs(api_call& x) {
  const auto& runs = x.repository->at("runs").as_array();
  return json_answer(200, json::object{{"total_count", runs.size()}, {"workflow_runs", runs}});
}

namespace {

json::object describe_gist(const api_call& x, const std::string& id, const json::object& gist) {
  const auto login = to_std(gist.at("login").as_string());
  const auto page = x.in.base_url + "/github/gist/" + login + '/' + id;
  json::object files;
  for (const auto& [name, text] : gist.at("files").as_object())
    files[name] = json::object{{"filename", name},
                               {"size", text.as_string().size()},
                               {"raw_url", page + "/raw/" + percent_encode(name)},
                               {"content", text}};
  return {{"id", id},
          {"url", x.api_url() + "/gists/" + id},
          {"html_url", page},
          {"public", gist.at("public")},
          {"description", gist.at("description")},
          {"files", std::move(files)},
          {"owner", describe_user(x, login)},
          {"created_at", gist.at("created_at")},
          {"updated_at", gist.at("created_at")}};
}

} // namespace

answer create_gist(api_call& x) {
  const auto* given = find_object(x.body, "files");
  if (given == nullptr || given->empty())
    return validation_failed({{"Gist", "files", "missing_field", {}}});
  json::object files;
  for (const auto& [name, value] : *given) {
    const auto text = value.is_object() ? find_string(value.get_object(), "content") : std::nullopt;
    if (!text || text->empty())
      return validation_failed({{"Gist", "files", "missing_field", {}}});
    files[name] = *text;
  }
  auto& gists = x.store.part("gists");
  if (gists.size() >= gists_max)
    return problem(503, "The sandbox keeps no more gists; reset it.");
  const auto id = to_hex(random_bytes(16));
  const auto* description = find(x.body, "description");
  gists[id] = json::object{{"login", x.caller.login},
                           {"description", description ? *description : json::value(nullptr)},
                           {"public", find_bool(x.body, "public").value_or(false)},
                           {"files", std::move(files)},
                           {"created_at", time_text(x.in.now)}};
  return json_answer(201, describe_gist(x, id, gists.at(id).as_object()));
}

answer get_gist(api_call& x) {
  const auto* gist = find_object(x.store.part("gists"), x.parts[0]);
  return gist ? json_answer(200, describe_gist(x, x.parts[0], *gist)) : not_found();
}

} // namespace callboard::sandbox::github_rest
