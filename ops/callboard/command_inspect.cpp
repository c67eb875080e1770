#include <algorithm>
#include <array>
#include <chrono>
#include <filesystem>
#include <memory>
#include <string>

#include "core/base/http_message.hpp"
#include "http/client/blocking_fetch.hpp"
#include "ops/callboard/argument.hpp"
#include "ops/callboard/commands.hpp"
#include "ops/callboard/money_report.hpp"
#include "ops/callboard/operator_key.hpp"
#include "ops/callboard/setting_options.hpp"
#include "ops/callboard/text_table.hpp"

namespace callboard {
namespace {

using namespace std::chrono_literals;

constexpr std::array kinds{"actors",  "tenant",     "wallet",        "session",
                           "loop",    "connection", "authenticator", "dispatcher",
                           "explain", "ledger",     "holds"};
/// Actors that do not answer within the node's own limit of 5 s are reported as such.
constexpr auto patience = 10s;
constexpr std::size_t answer_bytes_max = 64u * 1024 * 1024;

struct inspect_args {
  std::string kind;
  std::string id;
  std::string ops_url = "http://127.0.0.1:9464";
  std::string key_file;
  std::string platform;
  bool stuck = false;

  /// Questions about rows, which the database can answer without a node.
  bool about_money() const { return kind == "explain" || kind == "ledger" || kind == "holds"; }
};

/// What the node answered, or its error as a sentence.
result<json::object> read_answer(const http_response& answer, const std::string& url) {
  auto body = parse_json_object(answer.body);
  if (answer.status == 200 && body)
    return body;
  const auto* error = body ? find_object(*body, "error") : nullptr;
  const auto said = error ? find_string(*error, "message") : std::nullopt;
  if (answer.status == 404)
    return make_problem(errc::not_found, said.value_or("There is no such thing."));
  return make_problem(errc::upstream_failed,
                      url + " answered " + std::to_string(answer.status)
                        + (said ? ": " + *said : std::string{", which is no answer of a node."}));
}

std::string describe(const json::object& answer) {
  std::string text;
  if (const auto* wallet = find_object(answer, "database"))
    for (const auto& member : *wallet)
      if (!member.value().is_array())
        text += std::string{member.key()} + "  " + cell_text(&member.value()) + "\n";
  const auto* actors = find_array(answer, "actors");
  return text
         + text_table(actors ? *actors : json::array{},
                      {{"KIND", "kind"},
                       {"KEY", "key"},
                       {"AGE MS", "age_ms"},
                       {"MESSAGES", "messages"},
                       {"LAST", "last_message"},
                       {"MAILBOX", "mailbox"},
                       {"STATE", "state"}},
                      "No such actor lives on this node now.");
}

result<void> check(const inspect_args& args) {
  if (std::find(kinds.begin(), kinds.end(), args.kind) == kinds.end())
    return bad_argument("KIND must be actors, tenant, wallet, session, loop, connection, "
                        "authenticator, dispatcher, explain, ledger or holds.");
  if (args.kind == "wallet" && args.id.empty())
    return bad_argument("The wallet of which platform? Give its id.");
  if (args.kind == "explain" && args.id.empty())
    return bad_argument("Explain which request? Give its id (X-Request-Id of its answer).");
  if (args.kind == "ledger" && args.id != "verify")
    return bad_argument("Of the ledger there is: inspect ledger verify.");
  if ((args.kind == "holds") != args.stuck || (args.stuck && !args.id.empty()))
    return bad_argument("Of holds there is: inspect holds --stuck.");
  if (!args.platform.empty() && !args.about_money())
    return bad_argument("--platform goes with explain, ledger and holds.");
  if (args.platform.empty())
    return {};
  auto id = uuid_argument("--platform", args.platform);
  return id ? result<void>{} : result<void>{id.error()};
}

/// Asks the running node.
result<json::object> ask_node(const store_settings& settings, const inspect_args& args) {
  const auto file = args.key_file.empty() ? operator_key_file(settings.data_dir)
                                          : std::filesystem::path{args.key_file};
  const auto key = read_operator_key(file);
  if (!key)
    return key.error();
  http_request request;
  request.url = args.ops_url;
  while (request.url.ends_with('/'))
    request.url.pop_back();
  request.url += "/inspect/" + args.kind;
  if (args.stuck)
    request.url += "/stuck";
  if (!args.id.empty())
    request.url += "/" + percent_encode(args.id);
  if (!args.platform.empty())
    request.url += "?platform=" + percent_encode(args.platform);
  request.headers = {{"Authorization", "Bearer " + *key}, {"Accept", "application/json"}};
  const auto answer = blocking_fetch(request, patience, answer_bytes_max);
  if (!answer)
    return make_problem(code_of(answer.error()),
                        args.ops_url + ": " + operator_text(answer.error()));
  return read_answer(*answer, args.ops_url);
}

/// Whether the question may go to the database because no node is there to answer it: nobody
/// listens, or there is no key of a node. A database is not made for that.
bool may_ask_database(const store_settings& settings, const inspect_args& args,
                      const caf::error& why) {
  std::error_code failed;
  const bool there =
    !settings.database_url.empty()
    || std::filesystem::exists(std::filesystem::path{settings.data_dir} / "pg/PG_VERSION", failed);
  return args.about_money() && there
         && (code_of(why) == errc::upstream_unavailable || code_of(why) == errc::bad_setting);
}

result<json::object> ask_database(const store_settings& settings, const inspect_args& args) {
  auto access = open_store(settings);
  if (!access)
    return access.error();
  if (args.kind == "explain")
    return explain_request(*access, args.id, args.platform);
  if (args.kind == "ledger")
    return verify_ledger(*access, args.platform);
  return find_stuck_holds(*access, args.platform);
}

result<report> inspect(const store_settings& settings, const inspect_args& args) {
  if (auto ok = check(args); !ok)
    return ok.error();
  auto body = ask_node(settings, args);
  if (!body && may_ask_database(settings, args, body.error()))
    body = ask_database(settings, args);
  if (!body)
    return body.error();
  if (args.stuck)
    return stuck_holds_report(std::move(*body));
  if (args.about_money())
    return story_report(std::move(*body));
  auto text = describe(*body);
  return report{std::move(*body), std::move(text)};
}

} // namespace

void add_inspect_command(CLI::App& root, command_builder& builder) {
  auto args = std::make_shared<inspect_args>();
  auto& app = builder.add_detached(
    root, "inspect", "Shows what lives on a running node, and what was booked for a request",
    [args](const store_settings& settings) { return inspect(settings, *args); });
  app
    .add_option("KIND", args->kind,
                "actors, tenant, wallet, session, loop, connection, authenticator or dispatcher; "
                "explain, ledger verify, holds --stuck (these also without a node)")
    ->required();
  app.add_option("ID", args->id, "Only the one with this key; for explain, the request's id");
  app.add_option("--platform", args->platform, "With explain, ledger, holds: only this platform");
  app.add_flag("--stuck", args->stuck, "With holds: those that are open beyond their end");
  app.add_option("--ops-url", args->ops_url, "Where the node's --ops-listen is")
    ->envname(environment_name("ops-url"))
    ->capture_default_str();
  app.add_option("--operator-key-file", args->key_file, "Operator key (<data-dir>/operator.key)")
    ->envname(environment_name("operator-key-file"));
}

} // namespace callboard
