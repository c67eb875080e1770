#include <algorithm>
#include <array>
#include <chrono>
#include <memory>
#include <string>

#include "core/base/http_message.hpp"
#include "http/client/blocking_fetch.hpp"
#include "ops/callboard/argument.hpp"
#include "ops/callboard/commands.hpp"
#include "ops/callboard/operator_key.hpp"
#include "ops/callboard/setting_options.hpp"
#include "ops/callboard/text_table.hpp"

namespace callboard {
namespace {

using namespace std::chrono_literals;

constexpr std::array kinds{"actors", "tenant",     "wallet",       "session",
                           "loop",   "connection", "authenticator"};
/// Actors that do not answer within the node's own limit of 5 s are reported as such.
constexpr auto patience = 10s;
constexpr std::size_t answer_bytes_max = 64u * 1024 * 1024;

struct inspect_args {
  std::string kind;
  std::string id;
  std::string ops_url = "http://127.0.0.1:9464";
  std::string key_file;
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

result<report> inspect(const store_settings& settings, const inspect_args& args) {
  if (std::find(kinds.begin(), kinds.end(), args.kind) == kinds.end())
    return bad_argument(
      "KIND must be actors, tenant, wallet, session, loop, connection or authenticator.");
  if (args.kind == "wallet" && args.id.empty())
    return bad_argument("The wallet of which platform? Give its id.");
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
  if (!args.id.empty())
    request.url += "/" + percent_encode(args.id);
  request.headers = {{"Authorization", "Bearer " + *key}, {"Accept", "application/json"}};
  const auto answer = blocking_fetch(request, patience, answer_bytes_max);
  if (!answer)
    return make_problem(code_of(answer.error()),
                        args.ops_url + ": " + operator_text(answer.error()));
  auto body = read_answer(*answer, args.ops_url);
  if (!body)
    return body.error();
  auto text = describe(*body);
  return report{std::move(*body), std::move(text)};
}

} // namespace

void add_inspect_command(CLI::App& root, command_builder& builder) {
  auto args = std::make_shared<inspect_args>();
  auto& app = builder.add_detached(
    root, "inspect", "Shows what lives on a running node, by its ops listener",
    [args](const store_settings& settings) { return inspect(settings, *args); });
  app
    .add_option("KIND", args->kind,
                "actors, tenant, wallet, session, loop, connection or authenticator")
    ->required();
  app.add_option("ID", args->id, "Only the one with this key");
  app.add_option("--ops-url", args->ops_url, "Where the node's --ops-listen is")
    ->envname(environment_name("ops-url"))
    ->capture_default_str();
  app.add_option("--operator-key-file", args->key_file, "Operator key (<data-dir>/operator.key)")
    ->envname(environment_name("operator-key-file"));
}

} // namespace callboard
