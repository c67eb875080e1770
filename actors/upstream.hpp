#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <utility>
#include <variant>
#include <vector>

#include "actors/activity.hpp"
#include "actors/interfaces.hpp"
#include "actors/node.hpp"
#include "actors/promise_book.hpp"
#include "actors/remote_server.hpp"
#include "core/mcp/era_probe.hpp"
#include "core/mcp/server_message.hpp"

namespace callboard {

struct upstream_args {
  node_parts parts;
  platform_id platform;
  remote_server server;
};

/// A load of lists under way; defined where it is used.
struct upstream_load;

struct upstream_state {
  explicit upstream_state(upstream_actor::pointer selfptr) : self(selfptr) {}
  static inline const char* name = "upstream";

  using time_point = caf::actor_clock::time_point;
  using call_id = std::uint64_t;
  /// A listener and its number.
  using owner_key = std::pair<caf::actor_addr, std::uint64_t>;
  /// JSON text of a result in the newest form, or why there is none.
  using outcome = std::variant<std::string, relay_failure>;

  /// A request on its way to the server.
  struct call {
    call_id id = 0;
    relay_request request;
    /// Who waits: a listener, or for requests of our own a function. Neither when nobody does any
    /// more.
    relay_listener_actor listener;
    std::function<void(outcome)> own;
    /// In the server's words: names without our prefix, and what later rounds add.
    std::string params;
    /// The server's name of the tool, for tools/call.
    std::string tool;
    std::vector<mcp::mirrored_property> mirrored;
    /// JSON text of the client's progress token; empty when it wants no progress.
    std::string progress_token;
    std::string access_token;
    std::string peer;
    /// The attempt under way.
    std::optional<mcp::rpc_id> rpc;
    fetch_id fetch = 0;
    /// The error in an answer with a bad status.
    std::optional<mcp::server_error> refusal;
    /// Open questions: id as the listener knows it, with the server's id (session era).
    std::map<std::string, std::optional<mcp::rpc_id>> questions;
    /// Answers of this round, and the result that asked (2026-07-28).
    std::vector<std::pair<std::string, std::string>> answers;
    std::string asked_by;
    int rounds = 0;
    int resumptions = 0;
    /// The request of this round was sent, and how often it was sent again.
    bool sent = false;
    std::int64_t resends = 0;
    bool new_token = false;
    bool new_session = false;
    bool new_era = false;
    /// Takes one of the server's places.
    bool busy = false;
    /// There is an outcome; only its payment is still on the way.
    bool over = false;
    std::optional<hold_ticket> hold;
    tenant_actor tenant;
    micro_usd charged;
    /// It was made and paid for before.
    bool repeated = false;
    /// Earlier tries of a keyed call that came to nothing.
    int tries = 0;
    time_point begun{};
    time_point deadline{};
    /// How long the server was waited for, and since when it is.
    time_point::duration waited{0};
    std::optional<time_point> waits_since;
  };

  /// An answer that arrives.
  struct stream {
    mcp::answer_reader reader;
    std::function<void(mcp::server_message&)> on_message;
    /// The end, after the last message; an error when the answer is not complete.
    std::function<void(const caf::error&, const mcp::answer_reader&)> on_end;
    /// Nothing is left to be cancelled.
    bool ended = false;
  };
  using stream_ptr = std::shared_ptr<stream>;

  /// The answer to a request of the connection's own (initialize, notifications, ...).
  struct exchanged {
    caf::error problem;
    int status = 0;
    http_headers headers;
    std::vector<mcp::server_message> messages;
  };

  /// A session with a server of the session era, for one end user and one set of capabilities.
  struct peer {
    enum class phase : std::uint8_t { closed, opening, open };
    end_user_id user;
    std::string capabilities;
    std::string client;
    std::string access_token;
    phase at = phase::closed;
    /// Tells it from one that had its key before.
    std::uint64_t number = 0;
    std::string session;
    std::string version;
    std::string log_level;
    std::vector<call_id> waiting;
    std::size_t calls = 0;
    time_point used_at{};
    // The stream for the server's own messages.
    fetch_id events = 0;
    std::string last_event;
    std::chrono::milliseconds retry{0};
    bool has_no_events = false;
    std::set<std::string> subscribed;
  };

  /// A subscription of a listener.
  struct subscription {
    relay_request request;
    relay_listener_actor listener;
    std::string peer;
    bool tools = false;
    bool prompts = false;
    bool resources = false;
    std::set<std::string> uris;
    fetch_id fetch = 0;
    std::chrono::milliseconds retry{0};
  };

  /// What the server offers one principal, or everybody when it knows no users.
  struct offer {
    principal who;
    bool known = false;
    /// The server said that it has changed.
    bool stale = false;
    /// The load under way.
    std::shared_ptr<upstream_load> loading;
    /// It changed while it was being loaded.
    bool again = false;
    mcp::server_profile profile;
    std::vector<mcp::remote_tool> tools;
    std::vector<std::string> resources;
    std::vector<std::string> templates;
    std::vector<std::string> prompts;
    time_point loaded_at{};
    /// A failed attempt is not repeated before; until then it says why.
    time_point next_at{};
    caf::error problem;
    std::vector<std::function<void(const caf::error&)>> waiting;
    /// Notifications that are due when it is loaded again.
    std::set<std::string> changes;
  };

  // -- requests (upstream_calls.cpp, upstream_answers.cpp) --------------------

  void begin(relay_request request, relay_listener_actor listener);
  /// A request of our own: who, method, params, capabilities and client of `wanted` matter. Without
  /// a method it only opens the connection.
  void ask_server(relay_request wanted, std::function<void(outcome)> then);
  void add(call x);
  call* find(call_id id);
  void check_tool(call_id id);
  void use_server_names(call& x);
  void reach(call_id id);
  void enter(call_id id);
  void enqueue(call_id id);
  void fill_places();
  void send(call_id id);
  bool set_log_level(call_id id);
  void receive(call_id id, mcp::server_message& message);
  void take_result(call_id id, const std::string& result);
  void take_question(call_id id, const mcp::server_request& request);
  void decline(call_id id, const mcp::server_request& request);
  void take_note(call_id id, const mcp::server_notification& note);
  void answer_ended(call_id id, const caf::error& problem, const mcp::answer_reader& answer);
  bool resume(call_id id, const mcp::answer_reader& broken);
  void take_up_again(call_id id, const std::string& last_event);
  void refused(call_id id, const mcp::answer_reader& answer);
  void ask_round(call_id id, const std::string& result);
  void answered(const relay_answer& answer, const relay_listener_actor& listener);
  void continue_round(call_id id);
  void sweep();
  void stop(std::uint64_t number, const relay_listener_actor& listener);
  void abandon(call_id id);
  void listener_down(const caf::actor_addr& address);
  void finish(call_id id, outcome out);
  void fail(call_id id, const caf::error& why);
  void deliver(call_id id, outcome out);
  relay_bill bill_of(const call& x) const;
  void begin_wait(call& x) const;
  void end_wait(call& x) const;
  void release(call& x);
  void cancel_at_server(const call& x);
  void set_busy(call& x, bool busy);
  void forget(call_id id);

  // -- tokens (upstream_tokens.cpp) ------------------------------------------

  void authorize(call_id id);
  void with_token(call_id id, const std::string& stale,
                  std::function<void(const std::string&)> then);
  void use_token(call_id id, const std::string& token);
  bool token_refused(call_id id, int status, const http_headers& headers);
  void unauthorized(call_id id);
  void step_up(call_id id, const std::string& scope);
  void note_missing_scopes(call_id id, const std::vector<std::string>& scopes);
  caf::error connect_again(const std::string& why) const;

  // -- money (upstream_money.cpp) --------------------------------------------

  void admit(call_id id);
  void take_ticket(call_id id, const tenant_actor& tenant, const hold_ticket& ticket, bool keyed);
  void repeat(call_id id);
  void give_back(const tenant_actor& tenant, const hold_ticket& hold);
  /// `kept` is what a repetition of a keyed call shall give.
  void settle(call_id id, bool charge, const std::string& error_text, std::string kept,
              std::function<void()> then);

  // -- the connection (upstream_link.cpp) ------------------------------------

  http_request post(std::string body, http_headers headers, const std::string& access_token) const;
  http_headers credentials_for(const std::string& access_token) const;
  fetch_id open_stream(http_request message, std::function<void(mcp::server_message&)> on_message,
                       std::function<void(const caf::error&, const mcp::answer_reader&)> on_end);
  void close_stream(fetch_id& id);
  void take_head(fetch_id id, const http_response& head);
  void take_chunk(fetch_id id, const std::string& piece);
  void take_end(fetch_id id, const caf::error& problem);
  void exchange(http_request message, std::function<void(exchanged)> then);
  void probe(const std::string& access_token);
  /// The client of a request, or ourselves where none is behind it.
  std::string introduced(const std::string& client) const;
  void probed(const exchanged& answer, const std::string& access_token);
  void release_waiting(const caf::error& problem);
  void release_refused(const exchanged& answer, const std::string& access_token);
  std::string peer_key(const end_user_id& user, const std::string& capabilities) const;
  void make_room();
  peer* peer_of(const end_user_id& user, const std::string& capabilities,
                const std::string& client);
  void leave_peer(call& x);
  void open_peer(const std::string& key);
  void peer_opened(const std::string& key, const exchanged& answer);
  void peer_failed(const std::string& key, const exchanged& answer);
  void end_peer(const std::string& key);
  void take_leave(peer& x);
  void tell_peer(const std::string& key, std::string body);
  void end_idle_peers();
  void note_failure();
  void note_success();
  bool is_down() const;

  // -- subscriptions (upstream_events.cpp) -----------------------------------

  void subscribe(relay_request request, relay_listener_actor listener);
  void acknowledge(const owner_key& key);
  void connect_subscription(const owner_key& key);
  void listen(const owner_key& key);
  void listen_again(const owner_key& key);
  void open_events(const std::string& peer);
  void events_ended(const std::string& peer, const mcp::answer_reader& answer);
  void answer_peer(const std::string& peer, const mcp::server_request& request);
  void renew_resource_subscriptions(const std::string& peer);
  void take_event(const std::string& peer, const mcp::server_notification& note);
  void list_changed(const std::string& method);
  void tell(const subscription& x, const std::string& method, const std::string& params);
  bool unsubscribe(std::uint64_t number, const caf::actor_addr& owner);

  // -- lists (upstream_lists.cpp) --------------------------------------------

  using load_ptr = std::shared_ptr<upstream_load>;
  /// Those who wait for an offer, and for whom it is.
  struct offer_waiters {
    principal who;
    std::vector<std::function<void(const caf::error&)>> waiting;
  };

  std::string offer_key(const principal& who) const;
  void with_offer(const principal& who, bool fresh, std::function<void(const caf::error&)> then);
  void load(const std::string& key);
  /// What is being loaded is out of date. Those who wait for it are to be given to wait_again().
  offer_waiters stop_loading(offer& x);
  void wait_again(offer_waiters waiters);
  /// What a load is for; null when it is out of date.
  offer* offer_of(const load_ptr& x);
  void load_profile(const load_ptr& x);
  void load_next(const load_ptr& x);
  void load_page(const load_ptr& x, const std::string& cursor);
  void load_failed(const load_ptr& x, const caf::error& why);
  void pin_tools(const load_ptr& x);
  void loaded(const load_ptr& x);
  void restore_lists();
  void save_lists(const offer& x);
  caf::result<std::string> list(const principal& who, const std::string& kind);
  std::string list_text(const offer& x, const std::string& kind) const;

  // -- changes (upstream.cpp) ---------------------------------------------------

  void connect_anew();
  void end_peers(const std::function<bool(const peer&)>& wanted, std::vector<call_id> again);

  // -- life (upstream.cpp) ---------------------------------------------------

  void reload();
  void use(remote_server fresh);
  void connection_changed(const end_user_id& user);
  void at(std::chrono::milliseconds delay, std::function<void()> action);
  void tick();
  void watch(const relay_listener_actor& listener);
  void unwatch(const relay_listener_actor& listener);
  void beat();
  void end(const caf::error& why);
  json::object report() const;

  upstream_actor::pointer self;
  upstream_args args;
  activity seen;
  time_point used_at{};

  std::optional<mcp::server_era> era;
  mcp::server_profile profile;
  bool probing = false;
  /// Raised when the address or the credentials change: answers from before count for nothing.
  std::uint64_t connections = 0;
  std::uint64_t last_peer = 0;
  /// The server listed the version that it refused, and was asked once more.
  bool probed_again = false;
  std::vector<call_id> waiting_for_era;
  int failures = 0;
  time_point down_until{};

  std::unordered_map<call_id, call> calls;
  call_id last_call = 0;
  std::int64_t last_rpc = 0;
  std::size_t busy_calls = 0;
  bool sweeping = false;
  /// Wait for a place.
  std::deque<call_id> ready;
  /// By listener and its number.
  std::map<owner_key, call_id> call_of;
  std::map<owner_key, subscription> subscriptions;
  /// How many calls and subscriptions a listener has.
  std::map<caf::actor_addr, std::size_t> listeners;

  std::unordered_map<fetch_id, stream_ptr> streams;
  std::uint64_t fetches = 0;
  std::map<std::string, peer> peers;
  std::map<std::string, offer> offers;
  /// The latest access token of each user, for streams that are opened without a request.
  std::map<std::string, std::string> tokens;
  promise_book<std::string> lists_asked;
  std::multimap<time_point, std::function<void()>> alarms;
  std::uint64_t calls_total = 0;
};

/// See upstream_actor. Ends itself when nobody has used it for a while.
upstream_actor::behavior_type upstream(upstream_actor::stateful_pointer<upstream_state> self,
                                       upstream_args args);

} // namespace callboard
