#include "actors/lane.hpp"

#include <algorithm>
#include <deque>

#include <spdlog/spdlog.h>

#include "storage/journal.hpp"
#include "storage/store.hpp"

namespace callboard {

namespace {

using namespace std::chrono_literals;

/// Calls in one pipeline: enough to hide the round trip, few enough that the first answer does not
/// wait long for the last.
constexpr std::size_t batch_calls_max = 64;
/// PostgreSQL restarts in half a second; the first retry comes almost at once.
constexpr auto retry_first = 20ms;
constexpr auto retry_max = 500ms;
/// A quiet lane looks that often whether PostgreSQL is there, so that loss is noticed and a journal
/// left by an earlier process is replayed.
constexpr auto watch_interval = 1s;

/// INTERNAL: `run` the waiting calls, `tick` look after the connection if that is the latest order.
using lane_actor =
  store_actor::extend<caf::reacts_to<atom::run>, caf::reacts_to<atom::tick, std::uint64_t>>;

using promise = caf::typed_response_promise<store_rows>;

struct waiting_call {
  store_call call;
  promise answer;
};

/// Whether a call failed for now only, so that running it later from the journal makes sense.
bool fails_for_now(errc code) {
  return code == errc::store_unavailable || code == errc::timeout || code == errc::over_limit
         || code == errc::shutting_down;
}

struct lane_state {
  explicit lane_state(lane_actor::pointer selfptr) : self(selfptr) {}
  static inline const char* name = "lane";

  void init(lane_args x);
  /// Moves the calls of another lane's journal into ours. A crash in between only doubles them.
  void take_over(const std::filesystem::path& file);
  caf::result<store_rows> take(const store_call& call);
  void run_batch();
  void tick();
  /// Looks after the connection then and not at the time that was ordered before.
  void order_tick(std::chrono::milliseconds after);
  caf::result<std::int64_t> status();
  void shut_down();

  /// Answers a call that PostgreSQL did not take.
  void refuse(waiting_call& item, caf::error why);
  void lost();
  /// True when connected and nothing waits in the journal.
  bool recover();
  bool replay();
  bool replay_batch(const std::vector<store_call>& calls);

  lane_actor::pointer self;
  lane_args args;
  std::unique_ptr<store> db;
  std::unique_ptr<journal> waiting_room;
  std::deque<waiting_call> queue;
  bool batch_ordered = false;
  std::uint64_t ticks_ordered = 0;
  bool up = false;
  bool stopping = false;
  std::chrono::milliseconds retry_after{retry_first};
};

void lane_state::init(lane_args x) {
  args = std::move(x);
  db = std::make_unique<store>(args.conninfo, args.ring);
  waiting_room = std::make_unique<journal>(args.journal_file);
  for (auto& file : args.left_behind)
    take_over(file);
  tick();
}

void lane_state::take_over(const std::filesystem::path& file) {
  journal theirs{file};
  if (theirs.empty())
    return;
  auto calls = theirs.read();
  auto kept = calls && std::all_of(calls->begin(), calls->end(), [this](const store_call& call) {
                return static_cast<bool>(waiting_room->append(call));
              });
  if (!kept || !theirs.clear()) {
    spdlog::critical("lane number={} cannot take over the journal {}", args.number, file.string());
    return;
  }
  spdlog::info("lane number={} took over the journal {}, calls={}", args.number, file.string(),
               calls->size());
}

caf::result<store_rows> lane_state::take(const store_call& call) {
  auto rp = self->make_response_promise<store_rows>();
  waiting_call item{call, rp};
  if (stopping)
    refuse(item, make_problem(errc::shutting_down, "The node is shutting down."));
  else if (!up)
    refuse(item, make_problem(errc::store_unavailable, "The database is not available."));
  else if (queue.size() >= limits::lane_queue_max)
    refuse(item, make_problem(errc::over_limit, "Too many requests wait for the database."));
  else
    queue.push_back(std::move(item));
  // The order goes to the end of the mailbox: everything that waits there now joins the batch.
  if (!queue.empty() && !batch_ordered) {
    batch_ordered = true;
    self->send(self, atom::run_v);
  }
  return rp;
}

void lane_state::run_batch() {
  batch_ordered = false;
  if (queue.empty())
    return;
  auto count = std::min(queue.size(), batch_calls_max);
  std::vector<waiting_call> items(
    std::make_move_iterator(queue.begin()),
    std::make_move_iterator(queue.begin() + static_cast<std::ptrdiff_t>(count)));
  queue.erase(queue.begin(), queue.begin() + static_cast<std::ptrdiff_t>(count));
  std::vector<store_call> calls;
  calls.reserve(items.size());
  for (auto& item : items)
    calls.push_back(item.call);
  auto answers = db->run(calls);
  for (std::size_t i = 0; i < items.size(); ++i) {
    if (answers[i])
      items[i].answer.deliver(std::move(*answers[i]));
    else
      refuse(items[i], std::move(answers[i].error()));
  }
  if (!db->connected()) {
    lost();
  } else if (!queue.empty()) {
    batch_ordered = true;
    self->send(self, atom::run_v);
  }
}

void lane_state::refuse(waiting_call& item, caf::error why) {
  if (!item.call.journal || !fails_for_now(code_of(why))) {
    item.answer.deliver(std::move(why));
    return;
  }
  if (auto kept = waiting_room->append(item.call); !kept)
    item.answer.deliver(std::move(kept.error()));
  else
    item.answer.deliver(store_rows{});
}

void lane_state::lost() {
  spdlog::warn("lane number={} lost the database, calls waiting={}", args.number, queue.size());
  up = false;
  for (auto& item : queue)
    refuse(item, make_problem(errc::store_unavailable, "The database is not available."));
  queue.clear();
  retry_after = retry_first;
  order_tick(retry_after);
}

void lane_state::order_tick(std::chrono::milliseconds after) {
  self->delayed_send(self, after, atom::tick_v, ++ticks_ordered);
}

void lane_state::tick() {
  if (stopping)
    return;
  if (up) {
    // Also covers a stop while nothing is asked of the lane.
    if (queue.empty() && !db->ping()) {
      lost();
      return;
    }
    // A call that met a lock or a deadlock was kept, although PostgreSQL is there.
    if (!replay() && !db->connected()) {
      lost();
      return;
    }
    order_tick(watch_interval);
    return;
  }
  if (recover()) {
    up = true;
    order_tick(watch_interval);
    return;
  }
  order_tick(retry_after);
  retry_after = std::min<std::chrono::milliseconds>(retry_after * 2, retry_max);
}

bool lane_state::recover() {
  auto ok = db->connect();
  if (!ok) {
    if (code_of(ok.error()) != errc::store_unavailable)
      spdlog::error("lane number={} cannot use the database: {}", args.number,
                    caf::to_string(ok.error()));
    return false;
  }
  return replay();
}

bool lane_state::replay() {
  if (waiting_room->empty())
    return true;
  auto calls = waiting_room->read();
  if (!calls) {
    spdlog::critical("lane number={} journal is damaged and set aside: {}", args.number,
                     args.journal_file.string());
    return static_cast<bool>(waiting_room->set_aside());
  }
  std::vector<store_call> batch;
  for (auto& call : *calls) {
    batch.push_back(std::move(call));
    if (batch.size() == batch_calls_max) {
      if (!replay_batch(batch))
        return false;
      batch.clear();
    }
  }
  if (!replay_batch(batch))
    return false;
  spdlog::info("lane number={} replayed the journal, calls={}", args.number, calls->size());
  return static_cast<bool>(waiting_room->clear());
}

bool lane_state::replay_batch(const std::vector<store_call>& calls) {
  if (calls.empty())
    return true;
  auto answers = db->run(calls);
  for (std::size_t i = 0; i < calls.size(); ++i) {
    if (answers[i])
      continue;
    auto code = code_of(answers[i].error());
    if (code == errc::store_unavailable || code == errc::timeout)
      return false;
    spdlog::error("lane number={} journal statement={} refused code={}", args.number,
                  calls[i].statement, to_string(code));
    if (!waiting_room->keep_refused(calls[i], to_string(code)))
      return false;
  }
  return true;
}

caf::result<std::int64_t> lane_state::status() {
  if (!up || !db->ping())
    return make_problem(errc::store_unavailable, "The database is not available.");
  return db->transactions_total();
}

void lane_state::shut_down() {
  stopping = true;
  // What was accepted is finished: its callers have been waiting already.
  while (up && !queue.empty())
    run_batch();
  for (auto& item : queue)
    refuse(item, make_problem(errc::shutting_down, "The node is shutting down."));
  queue.clear();
}

lane_actor::behavior_type lane(lane_actor::stateful_pointer<lane_state> self, lane_args args) {
  self->set_exit_handler([self](caf::exit_msg& msg) {
    self->state.shut_down();
    self->quit(msg.reason);
  });
  self->state.init(std::move(args));
  return {
    [self](atom::run, const store_call& call) -> caf::result<store_rows> {
      return self->state.take(call);
    },
    [self](atom::status) -> caf::result<std::int64_t> { return self->state.status(); },
    [self](atom::run) { self->state.run_batch(); },
    [self](atom::tick, std::uint64_t order) {
      if (order == self->state.ticks_ordered)
        self->state.tick();
    },
  };
}

} // namespace

store_actor spawn_lane(caf::actor_system& system, lane_args args) {
  return system.spawn<caf::detached>(lane, std::move(args));
}

} // namespace callboard
