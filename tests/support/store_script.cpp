#include "tests/support/store_script.hpp"

#include <stdexcept>

#include <caf/all.hpp>

namespace callboard {

store_rows one_row(const std::vector<cell>& cells) {
  store_rows rows;
  for (auto& [column, value] : cells) {
    rows.columns.push_back(column);
    rows.cells.push_back(value.value_or(""));
    rows.nulls.push_back(value ? 0 : 1);
  }
  return rows;
}

void store_script::answer(const std::string& statement, const std::vector<cell>& cells) {
  handlers[statement] = [cells](const store_call&) { return one_row(cells); };
}

void store_script::answer_empty(const std::string& statement) {
  handlers[statement] = [](const store_call&) { return store_rows{}; };
}

void store_script::refuse(const std::string& statement, errc code) {
  handlers[statement] = [code](const store_call&) -> result<store_rows> {
    return make_problem(code, "scripted");
  };
}

void store_script::answer_in_turn(const std::string& statement,
                                  std::vector<std::vector<cell>> rows) {
  handlers[statement] = [rows = std::move(rows), next = std::size_t{0}](const store_call&) mutable {
    auto& cells = rows[std::min(next++, rows.size() - 1)];
    return cells.empty() ? store_rows{} : one_row(cells);
  };
}

std::vector<store_call> store_script::calls_of(const std::string& statement) const {
  std::vector<store_call> found;
  for (auto& x : calls)
    if (x.statement == statement)
      found.push_back(x);
  return found;
}

store_call store_script::only(const std::string& statement) const {
  auto found = calls_of(statement);
  if (found.size() != 1)
    throw std::runtime_error{std::to_string(found.size()) + " calls of " + statement};
  return found.front();
}

namespace {

result<store_rows> run(store_script& script, const store_call& call) {
  if (script.away)
    return make_problem(errc::store_unavailable, "scripted");
  auto i = script.handlers.find(call.statement);
  return i == script.handlers.end() ? result<store_rows>{store_rows{}} : i->second(call);
}

void deliver(caf::typed_response_promise<store_rows>& promise, result<store_rows> rows) {
  if (rows)
    promise.deliver(std::move(*rows));
  else
    promise.deliver(std::move(rows.error()));
}

} // namespace

fake_store_actor::behavior_type
fake_store(fake_store_actor::stateful_pointer<fake_store_state> self,
           std::shared_ptr<store_script> script) {
  self->state.script = std::move(script);
  return {
    [self](atom::run, const store_call& call) -> caf::result<store_rows> {
      auto& st = self->state;
      st.script->calls.push_back(call);
      st.script->log->push_back("store " + call.statement);
      auto promise = self->make_response_promise<store_rows>();
      if (st.script->held.count(call.statement) != 0)
        st.waiting.emplace_back(call, promise);
      else
        deliver(promise, run(*st.script, call));
      return promise;
    },
    [self](atom::status) -> caf::result<std::int64_t> {
      if (self->state.script->away)
        return make_problem(errc::store_unavailable, "scripted");
      return std::int64_t{1};
    },
    [self](atom::drop, const std::string& statement) {
      auto& st = self->state;
      st.script->held.erase(statement);
      std::vector<std::pair<store_call, caf::typed_response_promise<store_rows>>> kept;
      for (auto& [call, promise] : std::exchange(st.waiting, {})) {
        if (call.statement == statement)
          deliver(promise, run(*st.script, call));
        else
          kept.emplace_back(call, promise);
      }
      st.waiting = std::move(kept);
    },
  };
}

} // namespace callboard
