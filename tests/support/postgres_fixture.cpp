#include "tests/support/postgres_fixture.hpp"

#include <atomic>
#include <cstdlib>
#include <fstream>
#include <set>
#include <sstream>
#include <stdexcept>

#include <unistd.h>

#include "core/base/digest.hpp"
#include "storage/migrator.hpp"
#include "storage/transaction.hpp"

namespace callboard::test {

namespace {

constexpr const char* template_name = "callboard_template";

template <class T>
T must(result<T> x, const std::string& what) {
  if (!x)
    throw std::runtime_error{what + ": " + caf::to_string(x.error())};
  return std::move(*x);
}

store_rows run_sql(const std::string& conninfo, const std::string& text) {
  auto conn = must(connection::open(conninfo), "connect");
  statement what{"test", statement_scope::internal, text};
  return must(conn.exec(what, {}, std::chrono::seconds{30}), text);
}

/// Migrations of another folder instead of those in the program; set by tests/mutations.py.
constexpr const char* other_migrations = "CALLBOARD_TEST_MIGRATIONS";

void run_migrations_of(const std::filesystem::path& folder, const std::string& conninfo) {
  auto conn = must(connection::open(conninfo), "connect");
  for (auto name : {"schema/migration_session", "schema/create"})
    must(conn.exec(*find_statement(name), {}), name);
  const std::filesystem::directory_iterator found{folder};
  std::set<std::filesystem::path> files(begin(found), end(found));
  for (auto& file : files) {
    std::ostringstream text;
    text << std::ifstream{file}.rdbuf();
    auto tx = must(transaction::begin(conn), "begin");
    if (!tx.script(file.stem().string(), text.str(), std::chrono::seconds{60}) || !tx.commit())
      throw std::runtime_error{"cannot run " + file.string()};
  }
}

void run_migrations(const std::string& conninfo) {
  if (const char* folder = std::getenv(other_migrations))
    return run_migrations_of(folder, conninfo);
  auto report = must(migrate(conninfo), "migrate");
  if (report.to != schema_version_wanted())
    throw std::runtime_error{"not all migrations ran"};
}

} // namespace

scratch_folder::scratch_folder() {
  std::string pattern = "/tmp/callboard-test-XXXXXX";
  if (mkdtemp(pattern.data()) == nullptr)
    throw std::runtime_error{"mkdtemp failed"};
  path_ = pattern;
  auto account = must(find_server_account(), "account");
  if (account && chown(path_.c_str(), account->uid, account->gid) != 0)
    throw std::runtime_error{"chown failed"};
}

scratch_folder::~scratch_folder() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

scratch_cluster& scratch_cluster::instance() {
  static scratch_cluster cluster;
  return cluster;
}

scratch_cluster::scratch_cluster() {
  auto data = (folder_.path() / "pg").string();
  server_program({"initdb", "--no-locale", "-E", "UTF8", "-A", "trust", "-U", "callboard",
                  "--no-sync", "--no-instructions", "-D", data});
  start();
  run_sql(conninfo("postgres"), std::string{"CREATE DATABASE "} + template_name);
  run_migrations(conninfo(template_name));
}

scratch_cluster::~scratch_cluster() {
  if (runs_)
    server_program(
      {"pg_ctl", "stop", "-w", "-m", "immediate", "-D", (folder_.path() / "pg").string()}, false);
}

void scratch_cluster::start() {
  server_program({"pg_ctl", "start", "-w", "-t", "60", "-D", (folder_.path() / "pg").string(), "-l",
                  (folder_.path() / "server.log").string(), "-o",
                  "-c listen_addresses='' -c fsync=off -c max_connections=80 -c "
                  "unix_socket_directories='"
                    + folder_.path().string() + "'"});
  runs_ = true;
}

void scratch_cluster::stop(const std::string& mode) {
  server_program({"pg_ctl", "stop", "-w", "-m", mode, "-D", (folder_.path() / "pg").string()});
  runs_ = false;
}

std::string scratch_cluster::conninfo(const std::string& database) const {
  return "host=" + folder_.path().string() + " user=callboard dbname=" + database;
}

void scratch_cluster::server_program(std::vector<std::string> arguments, bool must_work) {
  auto account = must(find_server_account(), "account");
  auto name = arguments.front();
  arguments.front() = (must(find_server_programs(), "programs") / name).string();
  auto status = must(run_program(arguments, account, folder_.path() / "output.log"), name);
  if (status != 0 && must_work)
    throw std::runtime_error{name + " failed"};
}

scratch_database::scratch_database(scratch_cluster& cluster) : cluster_(cluster) {
  static std::atomic<int> number{0};
  name_ = "test_" + std::to_string(++number);
  run_sql(cluster_.conninfo("postgres"), "CREATE DATABASE " + name_ + " TEMPLATE " + template_name);
  conninfo_ = cluster_.conninfo(name_);
}

scratch_database::~scratch_database() {
  if (auto conn = connection::open(cluster_.conninfo("postgres"))) {
    auto text = "DROP DATABASE " + name_ + " WITH (FORCE)";
    statement what{"test", statement_scope::internal, text};
    static_cast<void>(conn->exec(what, {}, std::chrono::seconds{30}));
  }
}

store_rows scratch_database::sql(const std::string& text) const { return run_sql(conninfo_, text); }

std::string scratch_database::cell(const std::string& text) const {
  auto rows = sql(text);
  if (rows.cells.size() != 1)
    throw std::runtime_error{"not one cell: " + text};
  return rows.cells.front();
}

store_fixture::store_fixture()
    : ring(must(key_ring::load_or_create(folder.path() / "master.key"), "key ring")),
      db(database.conninfo(), ring) {}

store_rows store_fixture::run(const store_call& call) { return must(db.run(call), call.statement); }

errc store_fixture::code(const store_call& call) {
  auto rows = db.run(call);
  return rows ? errc::none : code_of(rows.error());
}

platform_id store_fixture::platform(const std::string& name) {
  platform_id id{uuid4()};
  run({{},
       "platform/create",
       {store_value::text(id.value), store_value::text(name), store_value::text(name),
        store_value::text(uuid4()), store_value::text(make_key_id()),
        store_value::key_secret("platform secret of " + name), store_value::text("sk-plat_"),
        store_value::text(make_key_id()), store_value::key_secret("live secret of " + name),
        store_value::text("rt_live_"), store_value::text("test")}});
  return id;
}

end_user_id store_fixture::end_user(const platform_id& platform, const std::string& external_id) {
  auto rows = run(
    {platform,
     "end_user/upsert",
     {store_value::text(uuid4()), store_value::text(external_id), store_value::null(),
      store_value::null(), store_value::text(make_key_id()),
      store_value::key_secret("user secret of " + external_id), store_value::text("sk-eu_ab"),
      store_value::text("test"), store_value::null(), store_value::null(), store_value::null()}});
  return end_user_id{store_row(rows, 0).text("end_user_id")};
}

void store_fixture::topup(const platform_id& platform, std::int64_t micro) {
  run(
    {platform,
     "wallet/topup",
     {store_value::integer(micro), store_value::null(), store_value::null(), store_value::null()}});
}

std::string make_key_id() { return to_hex(random_bytes(8)); }

} // namespace callboard::test
