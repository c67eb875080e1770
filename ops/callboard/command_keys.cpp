#include <string>

#include "ops/callboard/commands.hpp"

namespace callboard {
namespace {

result<report> rotate(store_access& access) {
  const auto count = rotate_master_key(access.db(), *access.ring());
  if (!count)
    return count.error();
  return report{json::object{{"master_key", access.ring()->newest().id}, {"rewrapped", *count}},
                "A new master key seals from now on; " + std::to_string(*count)
                  + " data keys were sealed again. When every node has the new key ring file, run "
                    "`callboard keys retire`."};
}

result<report> retire(store_access& access) {
  if (auto done = retire_old_master_keys(access.db(), *access.ring()); !done)
    return done.error();
  const auto id = access.ring()->newest().id;
  return report{json::object{{"master_key", id}},
                "The key ring holds the master key " + id + " only."};
}

} // namespace

void add_keys_commands(CLI::App& root, command_builder& builder) {
  auto& group = *root.add_subcommand("keys", "The master keys that seal secrets in the database");
  group.require_subcommand(1);
  builder.add(group, "rotate", "Adds a master key and seals all data keys with it", rotate);
  builder.add(group, "retire", "Removes all master keys but the newest from the key ring", retire);
}

} // namespace callboard
