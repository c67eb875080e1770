#include <memory>
#include <string>

#include "ops/callboard/argument.hpp"
#include "ops/callboard/commands.hpp"
#include "ops/callboard/money_report.hpp"

namespace callboard {

void add_ledger_commands(CLI::App& root, command_builder& builder) {
  auto& group = *root.add_subcommand("ledger", "Whether the money is exact");
  group.require_subcommand(1);
  auto platform = std::make_shared<std::string>();
  builder
    .add(group, "verify", "Checks every money invariant; exit code 1 unless all hold",
         [platform](store_access& access) -> result<report> {
           auto answer = verify_ledger(access, *platform);
           if (!answer)
             return answer.error();
           return story_report(std::move(*answer));
         })
    .add_option("--platform", *platform, "UUID of the only platform to look at");
}

} // namespace callboard
