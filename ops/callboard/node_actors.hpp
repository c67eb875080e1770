#pragma once

#include <memory>

#include <caf/actor_system.hpp>
#include <caf/actor_system_config.hpp>

#include "actors/node.hpp"
#include "actors/sweeper.hpp"
#include "ops/callboard/settings.hpp"
#include "ops/callboard/store_access.hpp"

namespace callboard {

/// CAF as a node runs it: our messages, our clock, one scheduler thread less than there are cores.
struct node_config : caf::actor_system_config {
  node_config();
};

/// The catalogues of the binary, or of `--apps-dir`, with the URLs that `--app-base` replaces.
/// errc::bad_setting or errc::invalid_field with one sentence for the operator.
result<std::shared_ptr<const connectors::catalogue>> load_catalogue(const serve_settings& settings);

/// The actors that exist once, from the bottom up. Knows nothing of listeners, so that benchmarks
/// run the same node behind a listener of their own.
class node_actors {
public:
  /// Starts the lanes and the HTTP client. The system and the database must outlive the object.
  node_actors(caf::actor_system& system, const store_access& access,
              const serve_settings& settings);

  /// Starts the rest; entrance() may be used from then on.
  void begin(std::shared_ptr<const node_settings> settings,
             std::shared_ptr<const connectors::catalogue> apps);

  const front_actor& entrance() const { return front_; }

  /// What every actor of the node got.
  const node_parts& parts() const { return parts_; }

  /// Lets running requests end, then ends the rest. Blocks.
  void end();

private:
  caf::actor_system& system_;
  node_parts parts_;
  front_actor front_;
  sweeper_actor sweeper_;
  terminator_actor terminator_;
};

} // namespace callboard
