#include "http/client/origin_book.hpp"

#include <algorithm>
#include <utility>

namespace callboard {
namespace {

bool is_plain(std::string_view x) {
  return std::all_of(x.begin(), x.end(), [](char c) { return c > 0x20 && c < 0x7f; });
}

/// The length of scheme, host and port; 0 when there is anything odd.
std::size_t origin_length(std::string_view url) {
  std::size_t scheme = url.starts_with("https://") ? 8 : url.starts_with("http://") ? 7 : 0;
  if (scheme == 0 || !is_plain(url))
    return 0;
  auto length = std::min(url.find_first_of("/?#", scheme), url.size());
  // libcurl's copy of a parsed URL lacks the zone of an IPv6 address, the one use of an escape.
  auto odd = url.substr(scheme, length - scheme).find_first_of("@%\\");
  return odd == std::string_view::npos ? length : 0;
}

std::string part(CURLU* url, CURLUPart which, unsigned flags = 0) {
  char* text = nullptr;
  if (curl_url_get(url, which, &text, flags) != CURLUE_OK)
    return {};
  std::string result{text};
  curl_free(text);
  return result;
}

std::shared_ptr<const parsed_origin> parse(std::string_view text) {
  auto x = std::make_shared<parsed_origin>();
  x->text = text;
  x->url.reset(curl_url());
  if (curl_url_set(x->url.get(), CURLUPART_URL, x->text.c_str(), 0) != CURLUE_OK)
    return nullptr;
  x->host = part(x->url.get(), CURLUPART_HOST);
  if (auto port = part(x->url.get(), CURLUPART_PORT, CURLU_NO_DEFAULT_PORT); !port.empty())
    x->host += ":" + port;
  return x;
}

} // namespace

split_url origin_book::split(std::string_view url) {
  split_url x;
  auto length = origin_length(url);
  if (length == 0)
    return x;
  auto text = url.substr(0, length);
  auto found = known_.find(text);
  if (found == known_.end()) {
    auto fresh = parse(text);
    if (!fresh)
      return x;
    if (known_.size() >= origins_max)
      known_.clear();
    found = known_.emplace(text, std::move(fresh)).first;
  }
  x.origin = found->second;
  auto rest = url.substr(length);
  rest = rest.substr(0, rest.find('#'));
  x.target.append(rest.starts_with('/') ? "" : "/").append(rest);
  return x;
}

} // namespace callboard
