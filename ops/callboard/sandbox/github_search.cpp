#include <algorithm>

#include "ops/callboard/sandbox/github_rest.hpp"

namespace callboard::sandbox::github_rest {

namespace {

/// Splits a search text at blanks outside of quotes; the quotes go.
std::vector<std::string> split_terms(std::string_view query) {
  std::vector<std::string> terms;
  std::string term;
  bool quoted = false;
  for (const char c : query) {
    if (c == '"') {
      quoted = !quoted;
    } else if (!quoted && (c == ' ' || c == '\t')) {
      if (!term.empty())
        terms.push_back(std::exchange(term, {}));
    } else {
      term += c;
    }
  }
  if (!term.empty())
    terms.push_back(term);
  return terms;
}

bool contains_text(const json::value& value, const std::string& term) {
  return value.is_string()
         && to_lower(value.get_string()).find(to_lower(term)) != std::string::npos;
}

bool has_member(const json::array& all, std::string_view name) {
  return std::any_of(all.begin(), all.end(),
                     [name](const json::value& x) { return iequals(x.as_string(), name); });
}

bool is_kind(std::string_view kind, const json::object& record) {
  if (kind == "issue")
    return !record.contains("pull");
  if (kind == "pr" || kind == "pull-request")
    return record.contains("pull");
  return record.at("state").as_string() == kind;
}

bool term_fits(const std::string& term, std::string_view full_name, const json::object& record) {
  const auto colon = term.find(':');
  const auto name = term.substr(0, colon);
  const auto value = colon == std::string::npos ? std::string{} : term.substr(colon + 1);
  if (value.empty())
    return contains_text(record.at("title"), term) || contains_text(record.at("body"), term);
  if (name == "repo")
    return iequals(full_name, value);
  if (name == "user" || name == "org")
    return iequals(full_name.substr(0, full_name.find('/')), value);
  if (name == "is" || name == "type" || name == "state")
    return is_kind(value, record);
  if (name == "label")
    return has_member(record.at("labels").as_array(), value);
  if (name == "assignee")
    return has_member(record.at("assignees").as_array(), value);
  if (name == "author")
    return iequals(record.at("user").as_string(), value);
  // Sorting and the place of the text do not decide whether something is found here.
  if (name == "in" || name == "sort")
    return true;
  return contains_text(record.at("title"), term) || contains_text(record.at("body"), term);
}

} // namespace

bool issue_fits(std::string_view query, std::string_view full_name, const json::object& record) {
  const auto terms = split_terms(query);
  return std::all_of(terms.begin(), terms.end(), [&](const std::string& term) {
    const bool negated = term.size() > 1 && term.front() == '-';
    return term_fits(negated ? term.substr(1) : term, full_name, record) != negated;
  });
}

} // namespace callboard::sandbox::github_rest
