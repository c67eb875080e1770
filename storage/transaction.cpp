#include "storage/transaction.hpp"

#include <utility>

namespace callboard {

namespace {

result<void> control(connection& conn, std::string_view name) {
  auto rows = conn.exec(*find_statement(name), {});
  if (!rows)
    return std::move(rows.error());
  return {};
}

} // namespace

result<transaction> transaction::begin(connection& conn) {
  if (auto ok = control(conn, "lane/begin"); !ok)
    return std::move(ok.error());
  return transaction{conn};
}

transaction::transaction(transaction&& other) noexcept
    : conn_(std::exchange(other.conn_, nullptr)) {}

transaction::~transaction() {
  if (conn_ != nullptr)
    static_cast<void>(control(*conn_, "lane/rollback"));
}

result<store_rows> transaction::exec(const statement& what, const bound_values& values) {
  return conn_->exec(what, values);
}

result<void> transaction::script(std::string_view name, std::string_view text,
                                 std::chrono::milliseconds patience) {
  return conn_->script(name, text, patience);
}

result<void> transaction::commit() {
  return control(*std::exchange(conn_, nullptr), "lane/commit");
}

} // namespace callboard
