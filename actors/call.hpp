#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "actors/interfaces.hpp"
#include "actors/node.hpp"
#include "actors/store_query.hpp"
#include "core/base/fields.hpp"
#include "core/base/json.hpp"

namespace callboard {

/// One HTTP request on its way to an answer: finds out who calls, checks that they may, runs the
/// handler of the endpoint, and ends. Whatever happens, the client gets one answer.
using call_actor = caf::typed_actor<
  // INTERNAL: the client left.
  caf::reacts_to<atom::closed>>;

struct call_args {
  node_parts parts;
  http_call_ptr call;
};

struct call_state {
  explicit call_state(call_actor::pointer selfptr) : self(selfptr) {}
  static inline const char* name = "call";

  // -- answering: each ends the actor ----------------------------------------

  void finish(int status, std::string body, http_headers headers = {});
  void finish(int status, const json::value& body) { finish(status, json::serialize(body)); }
  void fail(const caf::error& problem);
  /// Somebody else answers through the sink from now on.
  void hand_over();

  // -- reading the request ----------------------------------------------------

  /// A path parameter of the route.
  std::string path_field(std::string_view field) const;
  /// A query parameter; the query was checked before the handler ran.
  std::optional<std::string> query_field(std::string_view field) const;
  /// The body as an object; fails the call and gives nothing when it is none.
  std::optional<json::object> body();
  /// The page of a list; fails the call and gives nothing when it is malformed.
  std::optional<page_request> page();

  // -- asking the store -------------------------------------------------------

  /// Runs a statement for the caller's platform; fails the call when it fails.
  template <class OnRows>
  void run(std::string statement, std::vector<store_value> values, OnRows on_rows) {
    run_for(who.platform, std::move(statement), std::move(values), std::move(on_rows));
  }

  /// Runs a statement for a platform, or a [system] one for an empty id.
  template <class OnRows>
  void run_for(const platform_id& platform, std::string statement, std::vector<store_value> values,
               OnRows on_rows) {
    query(self, parts.store, platform, std::move(statement), std::move(values), std::move(on_rows),
          [this](const caf::error& x) { fail(x); });
  }

  /// Runs a statement whose first row has the answer's JSON in "body": `status` with it, or 404
  /// without a row.
  void answer_with(std::string statement, std::vector<store_value> values, int status = 200);

  /// Runs a list statement ("data"): {data}.
  void answer_data(std::string statement, std::vector<store_value> values);

  /// Runs a list statement ("data", "total"; page and limit are put before `values`):
  /// {data,total,page,limit} (I34). Without a row `nothing`, or else an empty page.
  void answer_page(std::string statement, std::vector<store_value> values, caf::error nothing = {});

  call_actor::pointer self;
  node_parts parts;
  http_call_ptr call;
  /// Empty for endpoints without a key.
  principal who;
  /// The key as presented (C16).
  std::string presented_key;
  std::vector<name_value> query_fields;
  bool answered = false;
  /// A claim for an Idempotency-Key is under way: whoever leaves now comes back for the answer.
  bool claiming = false;
};

/// The actor as its handlers see it.
using call_self = call_actor::stateful_pointer<call_state>;

/// See call_actor.
call_actor::behavior_type call(call_self self, call_args args);

} // namespace callboard
