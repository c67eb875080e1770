#include "storage/store.hpp"

#include <algorithm>
#include <optional>
#include <unordered_set>

#include <libpq-fe.h>
#include <spdlog/spdlog.h>

#include "core/base/digest.hpp"
#include "storage/connection.hpp"
#include "storage/data_keys.hpp"
#include "storage/sealing.hpp"
#include "storage/statement.hpp"

namespace callboard {

namespace {

/// Serialization failures and deadlocks are rare; three in a row mean something else.
constexpr int attempts_max = 4;

constexpr std::string_view enter_tenant = "lane/enter_tenant";
constexpr std::string_view enter_system = "lane/enter_system";
constexpr std::string_view sealed_column = "secret_sealed";

caf::error unavailable() {
  return make_problem(errc::store_unavailable, "The database is not available.");
}

/// One transaction to send: scope, tenant, statement, bound values.
struct work {
  const statement* what = nullptr;
  /// Empty: as callboard_system.
  std::string tenant;
  bound_values values;
};

/// What came back for one piece of work.
struct outcome {
  result<store_rows> rows{store_rows{}};
  bool repeat = false;
  bool unprepared = false;
};

std::string_view aggregate_of(const statement& x) { return x.name.substr(0, x.name.find('/')); }

result<const statement*> allowed_statement(const store_call& call) {
  const auto* what = find_statement(call.statement);
  if (what == nullptr || what->scope == statement_scope::internal)
    return make_problem(errc::internal, "no statement " + call.statement);
  if ((what->scope == statement_scope::tenant) == call.tenant.empty())
    return make_problem(errc::internal,
                        "statement " + call.statement + " called with the wrong scope");
  return what;
}

} // namespace

/// The connection and everything that is lost or kept with it.
class store::engine {
public:
  engine(std::string conninfo, key_ring_ptr ring, std::chrono::milliseconds statement_timeout)
      : conninfo_(std::move(conninfo)), ring_(std::move(ring)),
        statement_timeout_(statement_timeout),
        keys_(ring_, [this](std::string_view name, bound_values values) {
          return run_internal(name, std::move(values));
        }) {}

  result<void> connect();
  bool connected() const noexcept { return conn_.has_value(); }
  bool ping();
  std::vector<result<store_rows>> run(const std::vector<store_call>& calls);
  std::int64_t transactions_total() const noexcept { return transactions_total_; }
  result<std::int64_t> rewrap() {
    if (auto ok = connect(); !ok)
      return std::move(ok.error());
    return keys_.rewrap();
  }

private:
  result<work> bind(const store_call& call);
  result<store_rows> open_secrets(const store_call& call, const work& item, store_rows rows);
  result<store_rows> run_internal(std::string_view name, bound_values values);

  /// Sends all and reads all; on a lost connection the rest answers errc::store_unavailable.
  std::vector<outcome> exchange(const std::vector<const work*>& items);
  bool send(const work& item);
  bool send_statement(const statement& what, const bound_values& values);
  outcome receive(const work& item);
  void drop() noexcept {
    conn_.reset();
    prepared_.clear();
  }

  std::string conninfo_;
  key_ring_ptr ring_;
  std::chrono::milliseconds statement_timeout_;
  std::optional<connection> conn_;
  /// Names of prepared statements of this connection.
  std::unordered_set<std::string_view> prepared_;
  data_keys keys_;
  std::int64_t transactions_total_ = 0;
};

result<void> store::engine::connect() {
  if (conn_ && conn_->alive())
    return {};
  drop();
  auto conn = connection::open(conninfo_, statement_timeout_);
  if (!conn)
    return std::move(conn.error());
  auto role = conn->exec(*find_statement("lane/as_app"), {});
  if (!role) {
    if (code_of(role.error()) == errc::store_unavailable)
      return std::move(role.error());
    return make_problem(errc::bad_setting,
                        "The database has no Callboard schema, or the login role may not become "
                        "callboard_app: run the migrations as this role first.");
  }
  for (auto name : {enter_tenant, enter_system}) {
    if (auto ok = conn->prepare(*find_statement(name)); !ok)
      return ok;
    prepared_.insert(name);
  }
  if (PQenterPipelineMode(conn->raw()) != 1)
    return unavailable();
  conn_ = std::move(*conn);
  return {};
}

bool store::engine::ping() {
  if (!connect())
    return false;
  if (PQpipelineSync(conn_->raw()) == 1) {
    auto answer = conn_->next(connection::silence_max);
    if (answer && *answer && PQresultStatus(answer->get()) == PGRES_PIPELINE_SYNC)
      return true;
  }
  drop();
  return false;
}

result<work> store::engine::bind(const store_call& call) {
  auto what = allowed_statement(call);
  if (!what)
    return std::move(what.error());
  work item{*what, call.tenant.value, {}};
  for (const auto& value : call.values) {
    switch (value.as) {
    case store_value::form::null:
      item.values.add_null();
      break;
    case store_value::form::text:
      if (value.data.find('\0') != std::string::npos)
        return make_problem(errc::invalid_field, "Text may not hold U+0000.");
      item.values.add_text(value.data);
      break;
    case store_value::form::bytes:
      item.values.add_bytes(value.data);
      break;
    case store_value::form::key_secret:
      item.values.add_bytes(ring_->hash_key_secret(value.data));
      break;
    case store_value::form::secret: {
      auto key = keys_.of(item.tenant);
      if (!key)
        return std::move(key.error());
      auto sealed =
        seal(key->bytes, {aggregate_of(**what), sealed_column, value.row_id, item.tenant, key->id},
             value.data);
      if (!sealed)
        return std::move(sealed.error());
      item.values.add_bytes(std::move(*sealed));
      break;
    }
    }
  }
  return item;
}

result<store_rows> store::engine::open_secrets(const store_call& call, const work& item,
                                               store_rows rows) {
  auto pos = std::find(rows.columns.begin(), rows.columns.end(), sealed_column);
  if (pos == rows.columns.end())
    return rows;
  auto column = static_cast<std::size_t>(pos - rows.columns.begin());
  for (std::size_t i = 0; i < rows.size(); ++i) {
    auto cell = i * rows.columns.size() + column;
    if (rows.nulls[cell])
      continue;
    store_row row{rows, i};
    auto tenant = call.tenant.empty() ? row.text("platform_id") : call.tenant.value;
    auto row_id = row.text("id");
    auto key = keys_.of(tenant);
    if (!key)
      return std::move(key.error());
    auto bytes = from_hex(std::string_view{rows.cells[cell]}.substr(2)).value_or(std::string{});
    auto plain = open_sealed(
      key->bytes, {aggregate_of(*item.what), sealed_column, row_id, tenant, key->id}, bytes);
    if (!plain) {
      spdlog::critical("store statement={} row={} alarm=seal_broken", call.statement, row_id);
      return std::move(plain.error());
    }
    rows.cells[cell] = std::move(*plain);
  }
  *pos = "secret";
  return rows;
}

result<store_rows> store::engine::run_internal(std::string_view name, bound_values values) {
  if (!conn_)
    return unavailable();
  work item{find_statement(name), {}, std::move(values)};
  auto answers = exchange({&item});
  return std::move(answers.front().rows);
}

bool store::engine::send_statement(const statement& what, const bound_values& values) {
  auto* raw = conn_->raw();
  auto name = std::string{what.name};
  if (prepared_.insert(what.name).second
      && PQsendPrepare(raw, name.c_str(), std::string{what.text}.c_str(), 0, nullptr) != 1)
    return false;
  std::vector<const char*> pointers;
  std::vector<int> lengths;
  pointers.reserve(values.data.size());
  lengths.reserve(values.data.size());
  for (std::size_t i = 0; i < values.data.size(); ++i) {
    pointers.push_back(values.nulls[i] ? nullptr : values.data[i].c_str());
    lengths.push_back(static_cast<int>(values.data[i].size()));
  }
  return PQsendQueryPrepared(raw, name.c_str(), static_cast<int>(pointers.size()), pointers.data(),
                             lengths.data(), values.formats.data(), 0)
         == 1;
}

bool store::engine::send(const work& item) {
  bound_values scope;
  if (!item.tenant.empty())
    scope.add_text(item.tenant);
  const auto* enter = find_statement(item.tenant.empty() ? enter_system : enter_tenant);
  if (!send_statement(*enter, scope) || !send_statement(*item.what, item.values))
    return false;
  return PQpipelineSync(conn_->raw()) == 1;
}

outcome store::engine::receive(const work& item) {
  outcome out;
  bool failed = false;
  for (;;) {
    auto answer = conn_->next(statement_timeout_ + connection::silence_margin);
    if (!answer) {
      drop();
      out.rows = unavailable();
      return out;
    }
    // Null ends the results of one command; the transaction ends with the synchronisation point.
    if (!*answer) {
      if (PQstatus(conn_->raw()) == CONNECTION_OK)
        continue;
      drop();
      out.rows = unavailable();
      return out;
    }
    auto status = PQresultStatus(answer->get());
    if (status == PGRES_PIPELINE_SYNC)
      break;
    if (status == PGRES_TUPLES_OK && !failed) {
      out.rows = rows_of(answer->get());
    } else if (status == PGRES_FATAL_ERROR || status == PGRES_BAD_RESPONSE) {
      auto problem = problem_of(answer->get(), item.what->name);
      failed = true;
      out.rows = std::move(problem.error);
      out.repeat = problem.repeat;
      out.unprepared = problem.unprepared;
      if (problem.lost) {
        drop();
        return out;
      }
    }
  }
  // A statement whose preparation was skipped after an error is missing on the server; it is found
  // out here (SQLSTATE 26000) and prepared again in the next round.
  if (out.unprepared)
    prepared_.erase(item.what->name);
  ++transactions_total_;
  return out;
}

std::vector<outcome> store::engine::exchange(const std::vector<const work*>& items) {
  std::vector<outcome> out(items.size());
  std::size_t sent = 0;
  while (sent < items.size() && send(*items[sent]))
    ++sent;
  for (std::size_t i = 0; i < items.size(); ++i) {
    if (conn_ && i < sent)
      out[i] = receive(*items[i]);
    else
      out[i].rows = unavailable();
  }
  if (sent < items.size())
    drop();
  return out;
}

std::vector<result<store_rows>> store::engine::run(const std::vector<store_call>& calls) {
  std::vector<result<store_rows>> answers(calls.size(), unavailable());
  if (auto ok = connect(); !ok) {
    for (auto& answer : answers)
      answer = ok.error();
    return answers;
  }
  std::vector<std::optional<work>> items(calls.size());
  std::vector<std::size_t> open;
  for (std::size_t i = 0; i < calls.size(); ++i) {
    auto item = bind(calls[i]);
    if (!item) {
      answers[i] = std::move(item.error());
      continue;
    }
    items[i] = std::move(*item);
    open.push_back(i);
  }
  for (int attempt = 1; !open.empty() && conn_; ++attempt) {
    std::vector<const work*> round;
    for (auto i : open)
      round.push_back(&*items[i]);
    auto outcomes = exchange(round);
    std::vector<std::size_t> again;
    for (std::size_t k = 0; k < open.size(); ++k) {
      answers[open[k]] = std::move(outcomes[k].rows);
      if (outcomes[k].repeat && attempt < attempts_max)
        again.push_back(open[k]);
    }
    open = std::move(again);
  }
  for (std::size_t i = 0; i < calls.size(); ++i)
    if (answers[i] && items[i])
      answers[i] = open_secrets(calls[i], *items[i], std::move(*answers[i]));
  return answers;
}

store::store(std::string conninfo, key_ring_ptr ring)
    : store(std::move(conninfo), std::move(ring), connection::statement_max) {}
store::store(std::string conninfo, key_ring_ptr ring, std::chrono::milliseconds statement_timeout)
    : engine_(std::make_unique<engine>(std::move(conninfo), std::move(ring), statement_timeout)) {}
store::~store() = default;
store::store(store&&) noexcept = default;
store& store::operator=(store&&) noexcept = default;

result<void> store::connect() { return engine_->connect(); }
bool store::connected() const noexcept { return engine_->connected(); }
bool store::ping() { return engine_->ping(); }

std::vector<result<store_rows>> store::run(const std::vector<store_call>& calls) {
  return engine_->run(calls);
}

result<store_rows> store::run(const store_call& call) {
  auto answers = engine_->run(std::vector<store_call>{call});
  return std::move(answers.front());
}

std::int64_t store::transactions_total() const noexcept { return engine_->transactions_total(); }

result<std::int64_t> store::rewrap_data_keys() { return engine_->rewrap(); }

result<std::int64_t> rotate_master_key(store& db, key_ring& ring) {
  if (auto key = ring.add_key(); !key)
    return std::move(key.error());
  return db.rewrap_data_keys();
}

result<void> retire_old_master_keys(store& db, key_ring& ring) {
  if (auto changed = db.rewrap_data_keys(); !changed)
    return std::move(changed.error());
  return ring.drop_old_keys();
}

} // namespace callboard
