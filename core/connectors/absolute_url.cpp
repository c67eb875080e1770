#include "core/connectors/absolute_url.hpp"

#include <charconv>

#include <boost/url/ipv4_address.hpp>
#include <boost/url/parse.hpp>
#include <boost/url/url_view.hpp>

#include "core/base/http_message.hpp"

namespace callboard::connectors {

bool absolute_url::is_loopback() const {
  if (auto v4 = boost::urls::parse_ipv4_address(host))
    return v4->is_loopback();
  return host == "localhost" || host == "[::1]";
}

std::optional<std::uint16_t> absolute_url::port_number() const {
  std::uint16_t number = 0;
  auto [end, problem] = std::from_chars(port.data(), port.data() + port.size(), number);
  if (problem != std::errc{} || end != port.data() + port.size() || number == 0)
    return std::nullopt;
  return number;
}

std::optional<absolute_url> parse_absolute_url(std::string_view text) {
  auto parsed = boost::urls::parse_uri({text.data(), text.size()});
  if (!parsed || !parsed->has_authority() || parsed->encoded_host().empty())
    return std::nullopt;
  // Boost.URL 1.81 reads "http://127.0.0.1.evil.com" as the host 127.0.0.1 with the path
  // ".evil.com", while everybody else goes to evil.com. A path after a host begins with a slash.
  std::string path{parsed->encoded_path()};
  if (!path.empty() && path.front() != '/')
    return std::nullopt;
  absolute_url x;
  x.scheme = to_lower(std::string{parsed->scheme()});
  x.host = to_lower(std::string{parsed->encoded_host()});
  x.port = std::string{parsed->port()};
  if (x.port.empty())
    x.port = x.scheme == "https" ? "443" : x.scheme == "http" ? "80" : "";
  x.has_user = parsed->has_userinfo();
  x.has_query = parsed->has_query();
  x.has_fragment = parsed->has_fragment();
  return x;
}

} // namespace callboard::connectors
