#include <set>

#include <boost/test/unit_test.hpp>

#include "core/base/digest.hpp"
#include "storage/sealing.hpp"
#include "tests/support/postgres_fixture.hpp"

using namespace callboard;
using namespace callboard::test;

namespace {

const std::string key(32, 'k');
const seal_place place{"connection", "secret_sealed", "row", "tenant", "key"};

bool opens(std::string_view k, const seal_place& p, std::string_view sealed) {
  auto x = open_sealed(k, p, sealed);
  if (!x)
    BOOST_TEST((code_of(x.error()) == errc::seal_broken));
  return static_cast<bool>(x);
}

/// Two platforms with the app "github", each with a client secret.
struct sealed_fixture : store_fixture {
  sealed_fixture() : a(platform("a")), b(platform("b")) {
    activate(a, "github", "secret of a");
    activate(a, "slack", "other secret of a");
    activate(b, "github", "secret of b");
  }

  void activate(const platform_id& who, const char* slug, const char* secret) {
    run({who,
         "app/activate",
         {store_value::text(uuid4()), store_value::text(slug), store_value::null(),
          store_value::text("client"), store_value::secret(secret, slug),
          store_value::text("https://x.example"), store_value::null(), store_value::null(),
          store_value::text("t"), store_value::null(), store_value::null()}});
  }

  store_call find(const platform_id& who, const char* slug) {
    return {who, "app/find", {store_value::text(slug)}};
  }

  std::string secret(const platform_id& who, const char* slug) {
    auto rows = run(find(who, slug));
    return store_row(rows, 0).text("secret");
  }

  platform_id a;
  platform_id b;
};

} // namespace

BOOST_AUTO_TEST_SUITE(sealing_test)

BOOST_AUTO_TEST_CASE(a_sealed_text_opens_in_its_place_only) {
  for (const auto& text : {std::string{}, std::string{"x"}, std::string(100'000, '\0')}) {
    auto sealed = seal(key, place, text);
    BOOST_REQUIRE(sealed);
    BOOST_TEST(sealed->size() == text.size() + 29);
    auto plain = open_sealed(key, place, *sealed);
    BOOST_REQUIRE(plain);
    BOOST_TEST((*plain == text));
    auto with = [&](auto member) {
      auto other = place;
      other.*member = "another";
      return opens(key, other, *sealed);
    };
    BOOST_TEST(!with(&seal_place::table));
    BOOST_TEST(!with(&seal_place::column));
    BOOST_TEST(!with(&seal_place::row_id));
    BOOST_TEST(!with(&seal_place::tenant));
    BOOST_TEST(!with(&seal_place::key_id));
    BOOST_TEST(!opens(std::string(32, 'j'), place, *sealed));
  }
}

BOOST_AUTO_TEST_CASE(parts_of_a_place_cannot_be_shifted_into_each_other) {
  auto sealed = seal(key, {"ab", "c", "d", "e", "f"}, "x");
  BOOST_REQUIRE(sealed);
  BOOST_TEST(!opens(key, {"a", "bc", "d", "e", "f"}, *sealed));
  BOOST_TEST(!opens(key, {"ab", "c", "de", "", "f"}, *sealed));
}

BOOST_AUTO_TEST_CASE(any_flipped_bit_and_any_cut_is_noticed) {
  auto sealed = seal(key, place, "the secret");
  BOOST_REQUIRE(sealed);
  for (std::size_t i = 0; i < sealed->size() * 8; ++i) {
    auto changed = *sealed;
    changed[i / 8] = static_cast<char>(changed[i / 8] ^ (1 << (i % 8)));
    BOOST_TEST(!opens(key, place, changed));
  }
  for (std::size_t n = 0; n < sealed->size(); ++n)
    BOOST_TEST(!opens(key, place, std::string_view{*sealed}.substr(0, n)));
  BOOST_TEST(!opens(key, place, *sealed + "x"));
}

BOOST_AUTO_TEST_CASE(nonces_are_never_used_twice) {
  std::set<std::string> nonces;
  for (int i = 0; i < 2000; ++i)
    nonces.insert(seal(key, place, "x")->substr(1, 12));
  BOOST_TEST(nonces.size() == 2000u);
}

BOOST_AUTO_TEST_CASE(a_key_of_the_wrong_size_or_a_huge_secret_is_refused) {
  BOOST_CHECK(!seal("short", place, "x"));
  BOOST_CHECK(!seal(key, place, std::string((1u << 20) + 1, 'x')));
  BOOST_TEST(!opens("short", place, *seal(key, place, "x")));
}

BOOST_FIXTURE_TEST_CASE(secrets_come_back_opened_and_are_nowhere_in_clear, sealed_fixture) {
  BOOST_TEST(secret(a, "github") == "secret of a");
  BOOST_TEST(secret(b, "github") == "secret of b");
  auto raw = database.cell("SELECT string_agg(encode(secret_sealed, 'escape'), ' ') FROM "
                           "platform_app");
  BOOST_TEST(raw.find("secret of") == std::string::npos);
  auto rows = run(find(a, "github"));
  for (const auto& column : rows.columns)
    BOOST_TEST(column != "secret_sealed");
  BOOST_TEST(database.cell("SELECT count(*) FROM tenant_key") == "2");
}

BOOST_FIXTURE_TEST_CASE(swapped_rows_and_platforms_do_not_open, sealed_fixture) {
  auto id = [](const platform_id& x) { return "'" + x.value + "'"; };
  database.sql("UPDATE platform_app SET secret_sealed = (SELECT secret_sealed FROM platform_app "
               "WHERE app_slug = 'slack') WHERE app_slug = 'github' AND platform_id = "
               + id(a));
  BOOST_TEST((code(find(a, "github")) == errc::seal_broken));
  database.sql("UPDATE platform_app SET secret_sealed = (SELECT secret_sealed FROM platform_app "
               "WHERE app_slug = 'github' AND platform_id = "
               + id(b) + ") WHERE app_slug = 'slack'");
  BOOST_TEST((code(find(a, "slack")) == errc::seal_broken));
  BOOST_TEST(secret(b, "github") == "secret of b");
  database.sql("UPDATE platform_app SET secret_sealed = set_byte(secret_sealed, 14, 1 + "
               "get_byte(secret_sealed, 14) % 200) WHERE platform_id = "
               + id(b));
  BOOST_TEST((code(find(b, "github")) == errc::seal_broken));
}

BOOST_FIXTURE_TEST_CASE(another_key_ring_opens_nothing, sealed_fixture) {
  auto other = key_ring::load_or_create(folder.path() / "other.key");
  BOOST_REQUIRE(other);
  store stranger{database.conninfo(), *other};
  auto rows = stranger.run(find(a, "github"));
  BOOST_REQUIRE(!rows);
  BOOST_TEST((code_of(rows.error()) == errc::seal_broken));
}

BOOST_FIXTURE_TEST_CASE(a_rotation_rewraps_all_data_keys_and_a_running_store_follows,
                        sealed_fixture) {
  auto before = ring->newest().id;
  auto other_process = key_ring::load(folder.path() / "master.key");
  BOOST_REQUIRE(other_process);
  store command_line{database.conninfo(), *other_process};
  auto changed = rotate_master_key(command_line, **other_process);
  BOOST_REQUIRE(changed);
  BOOST_TEST(*changed == 2);
  BOOST_TEST(database.cell("SELECT count(*) FROM tenant_key WHERE kek_id = '" + before + "'")
             == "0");
  // A store that has cached nothing yet needs the new key; this one has the old ring in memory.
  store fresh{database.conninfo(), ring};
  auto rows = fresh.run(find(a, "github"));
  BOOST_REQUIRE(rows);
  BOOST_TEST(store_row(*rows, 0).text("secret") == "secret of a");
  BOOST_TEST(ring->newest().id != before);
  BOOST_TEST(secret(b, "github") == "secret of b");
  auto again = rotate_master_key(command_line, **other_process);
  BOOST_REQUIRE(again);
  BOOST_REQUIRE(retire_old_master_keys(command_line, **other_process));
  BOOST_CHECK(!ring->find(before));
  store last{database.conninfo(), ring};
  BOOST_TEST(store_row(*last.run(find(b, "github")), 0).text("secret") == "secret of b");
}

BOOST_FIXTURE_TEST_CASE(two_stores_that_need_the_first_data_key_agree_on_one, store_fixture) {
  auto mine = platform("a");
  store other{database.conninfo(), ring};
  auto set = [](const char* slug) {
    return store_call{
      {},
      "model/set",
      {store_value::text(slug), store_value::text("http://m"), store_value::text("m"),
       store_value::secret("model key", slug), store_value::integer(1), store_value::integer(1),
       store_value::integer(1), store_value::integer(1000), store_value::integer(100),
       store_value::boolean(false), store_value::boolean(true), store_value::text("t")}};
  };
  BOOST_REQUIRE(other.run(set("one")));
  BOOST_REQUIRE(db.run(set("two")));
  auto rows = other.run(store_call{{}, "model/find", {store_value::text("two")}});
  BOOST_REQUIRE(rows);
  BOOST_TEST(store_row(*rows, 0).text("secret") == "model key");
  BOOST_TEST(database.cell("SELECT count(*) FROM tenant_key WHERE platform_id IS NULL") == "1");
}

BOOST_AUTO_TEST_SUITE_END()
