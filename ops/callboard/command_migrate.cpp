#include <string>

#include "ops/callboard/commands.hpp"

namespace callboard {

void add_migrate_command(CLI::App& root, command_builder& builder) {
  builder.add(
    root, "migrate", "Brings the database to the schema of this program",
    [](store_access& access) -> result<report> {
      const auto& done = access.migrations();
      const auto version = std::to_string(done.to);
      return report{json::object{{"from", done.from}, {"to", done.to}},
                    done.from == done.to
                      ? "The schema is up to date at version " + version + "."
                      : "The schema was brought from version " + std::to_string(done.from)
                          + " to version " + version + "."};
    },
    schema_policy::migrate);
}

} // namespace callboard
