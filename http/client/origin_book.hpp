#pragma once

#include <cstddef>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include <curl/curl.h>

namespace callboard {

/// Scheme, host and port of URLs, parsed by libcurl.
struct parsed_origin {
  struct deleter {
    void operator()(CURLU* x) const noexcept { curl_url_cleanup(x); }
  };

  /// As it stands in the URLs: "https://api.example.com".
  std::string text;
  /// What the Host field says.
  std::string host;
  std::unique_ptr<CURLU, deleter> url;
};

/// A URL cut in two.
struct split_url {
  /// Null for a URL that only libcurl can read: with escapes to be made, or malformed.
  std::shared_ptr<const parsed_origin> origin;
  /// Path and query, as they are to be sent.
  std::string target;
};

/// Knows the origins that requests go to: parsing a URL, and writing it out again, costs libcurl
/// more than a tenth of a request. For one thread.
class origin_book {
public:
  split_url split(std::string_view url);

  /// Origins that are known at once; one more, and all are forgotten.
  static constexpr std::size_t origins_max = 1024;

private:
  std::map<std::string, std::shared_ptr<const parsed_origin>, std::less<>> known_;
};

} // namespace callboard
