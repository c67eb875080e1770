#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "actors/node.hpp"
#include "tests/support/actor_fixture.hpp"
#include "tests/support/http_script.hpp"
#include "tests/support/recorded_reply.hpp"
#include "tests/support/store_script.hpp"

namespace callboard {

/// A request of a client, with what matters to a test.
struct client_request {
  endpoint target = endpoint::healthz;
  std::string key;
  std::string body;
  std::string query;
  std::vector<name_value> path_fields;
  http_headers headers;
  std::string method = "POST";
};

using reply_record = std::shared_ptr<recorded_reply>;

/// A whole node on the test scheduler: the real directory, authenticator, tenants, connections and
/// sessions over a scripted store and a scripted HTTP client. The script starts with a world in
/// which everything works: one platform with one end user who has connected GitHub, money, prices
/// and a model.
struct node_fixture : actor_fixture {
  node_fixture();
  ~node_fixture();

  /// Serves a request and lets everything run.
  reply_record serve(client_request x);
  /// Serves a request without letting anything run.
  reply_record begin(client_request x);
  /// The request as actors get it.
  http_call_ptr make_call(client_request x, const reply_record& record);
  /// Lets virtual time pass, in steps so that timers that renew themselves fire as they would.
  void pass(std::chrono::milliseconds time);
  /// Answers the held calls of a statement.
  void release(const std::string& statement) { tell(store, atom::drop_v, statement); }
  /// The platform's tenant actor, from the directory.
  tenant_actor tenant();

  static constexpr std::int64_t start_time = 1'700'000'000;

  platform_id platform{"11111111-1111-4111-8111-111111111111"};
  end_user_id user{"22222222-2222-4222-8222-222222222222"};
  end_user_id other_user{"33333333-3333-4333-8333-333333333333"};
  std::string user_key;
  std::string other_user_key;
  std::string platform_key;
  std::string lifecycle_key;
  std::string operator_key = "operator-secret";
  /// Whose key it is, by key id.
  std::map<std::string, principal> keys;

  std::shared_ptr<store_script> db = std::make_shared<store_script>();
  std::shared_ptr<http_script> web = std::make_shared<http_script>();
  border_log log = std::make_shared<std::vector<std::string>>();
  std::shared_ptr<std::int64_t> unix_now = std::make_shared<std::int64_t>(start_time);
  std::shared_ptr<node_settings> settings = std::make_shared<node_settings>();
  node_parts parts;
  fake_store_actor store;
  fake_http_actor http;

  /// A further key of `platform`, or of an end user of it.
  std::string add_key(key_kind kind, const end_user_id& owner);

private:
  void script_world();
  void script_money();
};

/// A model's streamed answer with that text and usage.
scripted_answer model_says(const std::string& text, int input_tokens = 100, int output_tokens = 10);

/// A model's streamed answer that calls tools: name and JSON arguments.
scripted_answer model_calls(const std::vector<std::pair<std::string, std::string>>& calls);

/// The catalogue with schema/apps/github.json.
std::shared_ptr<const connectors::catalogue> github_catalogue();

} // namespace callboard
