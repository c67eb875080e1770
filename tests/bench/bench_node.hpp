#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <caf/actor_system.hpp>

#include "core/base/api_key.hpp"
#include "http/edge/listener.hpp"
#include "ops/callboard/node_actors.hpp"
#include "ops/callboard/store_access.hpp"

namespace callboard::bench {

/// A session of an MCP client with the key that opened it.
struct bench_session {
  std::string id;
  std::string key;
  std::string app;
};

/// A node in this process as `callboard serve` runs it: an embedded PostgreSQL with its usual
/// durability, the actors, the api and the mcp listener. Its world: one platform without free
/// calls, with much money and a price for every tool but echo_server::free_tool; GitHub and the
/// default model point to an upstream of ours. Throws when anything of that fails.
class bench_node {
public:
  bench_node(const std::filesystem::path& data_dir, const std::string& upstream_url);

  /// Ends the node and stops PostgreSQL.
  void end();

  std::uint16_t api_port() const { return api_->port(); }
  std::uint16_t mcp_port() const { return mcp_->port(); }
  const node_parts& parts() const { return actors_.parts(); }
  caf::actor_system& system() { return system_; }
  const platform_id& platform() const { return platform_; }
  const std::string& conninfo() const { return access_.conninfo(); }

  /// The first end user, with GitHub connected.
  const principal& user() const { return user_; }
  const std::string& user_key() const { return user_key_; }

  /// Opens a session on /mcp/{app} the way a client does. Each user holds a few only, so that
  /// nobody reaches the cap.
  bench_session open_session(const std::string& app = "github");

  /// Makes a remote MCP server an app of the platform.
  void add_server(const std::string& slug, const std::string& url);

  /// Paid tool calls in the ledger, each with its log row. Throws when a free call was used or an
  /// invariant of the money is violated: what was measured was not the paid path then.
  std::uint64_t paid_calls() const;

  /// Runs SQL as superuser.
  store_rows sql(const std::string& text) const;

private:
  void run(const platform_id& tenant, const std::string& statement,
           std::vector<store_value> values);
  void make_platform();
  void make_model(const std::string& upstream_url);
  void add_user();

  store_access access_;
  std::shared_ptr<const connectors::catalogue> apps_;
  node_config config_;
  caf::actor_system system_;
  node_actors actors_;
  std::unique_ptr<listener> api_;
  std::unique_ptr<listener> mcp_;
  platform_id platform_;
  principal user_;
  std::string user_key_;
  /// Of the newest user, who opens the next sessions.
  std::string newest_key_;
  int users_ = 0;
  int sessions_of_newest_ = 0;
};

/// The bytes of a POST with a JSON body.
std::string post_request(std::string_view path, const std::string& key, std::string_view body,
                         std::string_view more_fields = {});

/// The bytes of a JSON-RPC request in a session.
std::string rpc_request(const bench_session& session, std::string_view body);

} // namespace callboard::bench
