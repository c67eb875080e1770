#include "ops/callboard/sandbox/app.hpp"

namespace callboard::sandbox {

std::string_view request::header(std::string_view name) const {
  return find_header(headers, name).value_or(std::string_view{});
}

std::optional<std::string> request::bearer() const {
  const auto value = trim(header("Authorization"));
  const auto blank = value.find(' ');
  if (blank == std::string_view::npos)
    return std::nullopt;
  const auto scheme = value.substr(0, blank);
  if (!iequals(scheme, "Bearer") && !iequals(scheme, "token"))
    return std::nullopt;
  return std::string{trim(value.substr(blank + 1))};
}

result<request> parse_request(const wire_request& wire, std::int64_t now) {
  request x;
  x.method = wire.method;
  x.headers = wire.headers;
  x.body = wire.body;
  x.now = now;
  const auto host = x.header("Host");
  x.base_url = "http://" + (host.empty() ? std::string{"localhost"} : std::string{host});
  const std::string_view target = wire.target;
  const auto mark = target.find('?');
  x.path = std::string{target.substr(0, mark)};
  if (x.path.empty() || x.path.front() != '/')
    return make_problem(errc::bad_request, "The target is no path.");
  if (mark != std::string_view::npos) {
    auto query = parse_form(target.substr(mark + 1));
    if (!query)
      return query.error();
    x.query = std::move(*query);
  }
  std::string_view rest = x.path;
  while (!rest.empty()) {
    rest.remove_prefix(1);
    const auto end = std::min(rest.find('/'), rest.size());
    auto segment = percent_decode(rest.substr(0, end));
    if (!segment)
      return make_problem(errc::bad_request, "The path has a malformed escape.");
    if (!segment->empty())
      x.segments.push_back(std::move(*segment));
    rest.remove_prefix(end);
  }
  return x;
}

} // namespace callboard::sandbox
