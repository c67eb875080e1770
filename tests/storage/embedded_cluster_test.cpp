#include <chrono>
#include <csignal>
#include <fstream>
#include <optional>

#include <boost/test/unit_test.hpp>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "storage/embedded_cluster.hpp"
#include "storage/migrator.hpp"
#include "tests/support/postgres_fixture.hpp"

using namespace callboard;
using namespace callboard::test;
using namespace std::chrono_literals;

namespace {

struct cluster_fixture {
  /// Ends the server when a test failed in its middle.
  ~cluster_fixture() {
    if (auto pid = server_pid())
      kill(*pid, SIGQUIT);
  }

  std::filesystem::path data() const { return folder.path() / "var"; }

  embedded_cluster join() const {
    auto x = embedded_cluster::join(data());
    BOOST_REQUIRE_MESSAGE(x, caf::to_string(x ? caf::error{} : x.error()));
    return std::move(*x);
  }

  /// The running postmaster.
  std::optional<pid_t> server_pid() const {
    std::ifstream in{data() / "pg" / "postmaster.pid"};
    pid_t pid = 0;
    if (!(in >> pid) || kill(pid, 0) != 0)
      return std::nullopt;
    return pid;
  }

  static store_rows sql(const std::string& conninfo, const std::string& text) {
    auto conn = connection::open(conninfo);
    BOOST_REQUIRE(conn);
    auto rows = conn->exec(statement{"test", statement_scope::internal, text}, {});
    BOOST_REQUIRE(rows);
    return std::move(*rows);
  }

  scratch_folder folder;
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(embedded_cluster_test, cluster_fixture)

BOOST_AUTO_TEST_CASE(a_cluster_is_made_started_stopped_and_started_again_quickly) {
  {
    auto x = join();
    BOOST_REQUIRE(migrate(x.conninfo()));
    sql(x.conninfo(), "CREATE TABLE kept AS SELECT 42 AS n");
    BOOST_TEST(sql(x.conninfo(), "SHOW listen_addresses").cells.front() == "");
    BOOST_TEST(sql(x.conninfo(), "SHOW synchronous_commit").cells.front() == "on");
    BOOST_TEST(sql(x.conninfo(), "SHOW fsync").cells.front() == "on");
    BOOST_CHECK(server_pid());
    struct stat info {};
    BOOST_REQUIRE(stat((data() / "pg.socket").c_str(), &info) == 0);
    BOOST_TEST((info.st_mode & 0777) == 0700u);
  }
  BOOST_CHECK(!server_pid());
  auto before = std::chrono::steady_clock::now();
  auto x = join();
  auto took = std::chrono::steady_clock::now() - before;
  BOOST_TEST_MESSAGE("start of an existing cluster took "
                     << std::chrono::duration_cast<std::chrono::milliseconds>(took).count()
                     << " ms");
  BOOST_TEST(sql(x.conninfo(), "SELECT n FROM kept").cells.front() == "42");
  x.leave();
  x.leave();
  BOOST_CHECK(!server_pid());
}

BOOST_AUTO_TEST_CASE(the_last_user_stops_the_server_whoever_that_is) {
  std::optional<embedded_cluster> node{join()};
  auto pid = server_pid();
  std::optional<embedded_cluster> command_line{join()};
  BOOST_CHECK(server_pid() == pid);
  BOOST_TEST(node->conninfo() == command_line->conninfo());
  node.reset();
  BOOST_CHECK(server_pid() == pid);
  sql(command_line->conninfo(), "SELECT 1");
  command_line.reset();
  BOOST_CHECK(!server_pid());
}

BOOST_AUTO_TEST_CASE(after_a_kill_of_the_node_the_running_server_is_used_again) {
  // A child plays the node that is killed while it uses the cluster.
  int ready[2];
  BOOST_REQUIRE(pipe(ready) == 0);
  auto child = fork();
  if (child == 0) {
    auto x = embedded_cluster::join(data());
    char done = x ? '+' : '-';
    if (write(ready[1], &done, 1) == 1)
      pause();
    _exit(0);
  }
  BOOST_REQUIRE(child > 0);
  char done = 0;
  BOOST_REQUIRE(read(ready[0], &done, 1) == 1);
  BOOST_TEST(done == '+');
  close(ready[0]);
  close(ready[1]);
  kill(child, SIGKILL);
  waitpid(child, nullptr, 0);
  auto pid = server_pid();
  BOOST_CHECK(pid);
  auto x = join();
  BOOST_CHECK(server_pid() == pid);
  sql(x.conninfo(), "SELECT 1");
  x.leave();
  BOOST_CHECK(!server_pid());
}

BOOST_AUTO_TEST_CASE(after_a_kill_of_the_server_it_recovers_with_everything_committed) {
  auto x = join();
  sql(x.conninfo(), "CREATE TABLE kept AS SELECT generate_series(1, 1000) AS n");
  auto pid = server_pid();
  BOOST_REQUIRE(pid);
  kill(*pid, SIGKILL);
  while (server_pid()) {
  }
  BOOST_TEST(std::filesystem::exists(data() / "pg" / "postmaster.pid"));
  auto again = join();
  BOOST_TEST(sql(again.conninfo(), "SELECT count(*) FROM kept").cells.front() == "1000");
}

BOOST_AUTO_TEST_CASE(a_half_made_cluster_is_made_anew) {
  std::filesystem::create_directories(data() / "pg.new");
  std::ofstream{data() / "pg.new" / "PG_VERSION"} << "15\n";
  auto x = join();
  sql(x.conninfo(), "SELECT 1");
}

BOOST_AUTO_TEST_CASE(a_long_path_gets_a_short_socket_folder_that_is_found_again) {
  auto deep = data() / std::string(100, 'd');
  std::string first;
  {
    auto x = embedded_cluster::join(deep);
    BOOST_REQUIRE(x);
    first = x->conninfo();
    sql(first, "SELECT 1");
    BOOST_TEST(first.find(deep.string()) == std::string::npos);
  }
  auto x = embedded_cluster::join(deep);
  BOOST_REQUIRE(x);
  BOOST_TEST(x->conninfo() == first);
  x->leave();
  std::string socket_folder;
  std::ifstream{deep / "pg.socket-folder"} >> socket_folder;
  std::filesystem::remove_all(socket_folder);
}

BOOST_AUTO_TEST_CASE(a_folder_that_cannot_be_used_is_refused_with_a_reason) {
  std::ofstream{folder.path() / "file"} << "x";
  auto x = embedded_cluster::join(folder.path() / "file");
  BOOST_REQUIRE(!x);
  BOOST_TEST((code_of(x.error()) == errc::bad_setting));
  auto quote = embedded_cluster::join(folder.path() / "it's");
  BOOST_REQUIRE(!quote);
  BOOST_TEST((code_of(quote.error()) == errc::bad_setting));
}

BOOST_AUTO_TEST_SUITE_END()
