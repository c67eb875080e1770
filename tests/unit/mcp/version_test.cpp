#include "core/mcp/version.hpp"

#include <boost/test/unit_test.hpp>

using namespace callboard;
using namespace callboard::mcp;

namespace {

http_headers version_header(std::string value) {
  return {{"mcp-protocol-version", std::move(value)}};
}

} // namespace

BOOST_AUTO_TEST_SUITE(version_test)

BOOST_AUTO_TEST_CASE(a_version_that_we_speak_is_echoed_and_any_other_gets_our_newest) {
  for (auto* known : {"2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25"})
    BOOST_TEST(to_string(negotiate(known)) == known);
  for (auto* unknown : {"", "1999-01-01", "2024-10-07", "2026-07-28", "2025-11-25 ", "latest"})
    BOOST_TEST(to_string(negotiate(unknown)) == "2025-11-25");
}

BOOST_AUTO_TEST_CASE(the_header_may_be_absent_or_name_any_version_that_we_speak) {
  BOOST_TEST(!version_of({}).value());
  BOOST_TEST(!version_of(version_header("")).value());
  BOOST_TEST((version_of(version_header("2025-06-18")).value() == session_version::v2025_06_18));
  BOOST_TEST((version_of(version_header(" 2024-11-05 ")).value() == session_version::v2024_11_05));
}

BOOST_AUTO_TEST_CASE(an_unsupported_header_is_a_bad_request) {
  for (auto* bad : {"1999-01-01", "2026-07-28", "x", "2025-6-18"}) {
    auto x = version_of(version_header(bad));
    BOOST_REQUIRE(!x);
    BOOST_TEST((code_of(x.error()) == errc::bad_request));
    BOOST_TEST(status_of(code_of(x.error())) == 400);
    BOOST_TEST(rpc_code_of(code_of(x.error())) == -32000);
    BOOST_TEST(message_of(x.error()).find("2025-11-25") != std::string::npos);
  }
}

BOOST_AUTO_TEST_CASE(the_header_tells_the_stateless_era) {
  for (auto* yes : {"2026-07-28", "2026-07-29", "2027-01-01", "9999-99-99"})
    BOOST_TEST(header_claims_stateless(version_header(yes)));
  for (auto* no : {"", "2025-11-25", "2026-07-27", "zzzz-zz-zz", "2026-07-2", "2026-07-280"})
    BOOST_TEST(!header_claims_stateless(version_header(no)));
  BOOST_TEST(!header_claims_stateless({}));
}

BOOST_AUTO_TEST_CASE(features_belong_to_versions) {
  BOOST_TEST(allows_batch(session_version::v2025_03_26));
  BOOST_TEST(!allows_batch(session_version::v2025_06_18));
  BOOST_TEST(!knows_annotations(session_version::v2024_11_05));
  BOOST_TEST(knows_annotations(session_version::v2025_03_26));
  BOOST_TEST(!knows_structured_content(session_version::v2025_03_26));
  BOOST_TEST(knows_structured_content(session_version::v2025_06_18));
  BOOST_TEST(!knows_priming_event(session_version::v2025_06_18));
  BOOST_TEST(knows_priming_event(session_version::v2025_11_25));
}

BOOST_AUTO_TEST_SUITE_END()
