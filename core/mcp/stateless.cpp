#include "core/mcp/stateless.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "core/mcp/era.hpp"
#include "core/mcp/http_rules.hpp"
#include "core/mcp/mirror.hpp"
#include "core/mcp/version.hpp"

namespace callboard::mcp {
namespace {

json::string_view view(std::string_view x) { return {x.data(), x.size()}; }

constexpr std::string_view result_type = "resultType";
constexpr std::string_view complete_type = "complete";

caf::error invalid(std::string message, std::string param) {
  return make_problem(errc::invalid_params, std::move(message), std::move(param));
}

refusal mismatch(const rpc_request& request, std::string message) {
  return {400, code_header_mismatch, "Header mismatch: " + std::move(message), request.id, {}};
}

refusal bad_envelope(std::optional<rpc_id> id, std::string message) {
  return {400, code_invalid_params, std::move(message), std::move(id), {}};
}

/// The value of a header field that must be there once; nothing when it is not.
std::optional<std::string_view> only_field(const http_headers& headers, std::string_view name) {
  std::optional<std::string_view> found;
  for (auto& field : headers) {
    if (!iequals(field.name, name))
      continue;
    if (found)
      return std::nullopt;
    found = trim(field.value);
  }
  return found;
}

/// The member of the params that Mcp-Name repeats, or nothing for methods without one (N5).
std::string_view named_member(std::string_view name) {
  if (name == method::tools_call || name == method::prompts_get)
    return "name";
  if (name == method::resources_read)
    return "uri";
  return {};
}

std::optional<refusal> check_version(const http_headers& headers, const rpc_request& request,
                                     const json::value& claim) {
  if (!claim.is_string())
    return bad_envelope(request.id,
                        "_meta[\"" + std::string{version_claim} + "\"] must be a text.");
  auto& version = claim.get_string();
  auto field = only_field(headers, header::version);
  if (!field)
    return mismatch(request, "MCP-Protocol-Version is required, once.");
  if (view(*field) != version)
    return mismatch(request, "MCP-Protocol-Version is not the version of the body.");
  if (version == view(stateless_version))
    return std::nullopt;
  json::object data{{"supported", json::array{view(stateless_version)}}, {"requested", version}};
  return refusal{400, code_unsupported_version, "Unsupported protocol version.", request.id,
                 std::move(data)};
}

std::optional<refusal> check_names(const http_headers& headers, const rpc_request& request) {
  auto method_field = only_field(headers, "Mcp-Method");
  if (!method_field)
    return mismatch(request, "Mcp-Method is required, once.");
  if (*method_field != request.method)
    return mismatch(request, "Mcp-Method is not the method of the body.");
  auto member = named_member(request.method);
  auto wanted = member.empty() ? std::nullopt : find_string(request.params, member);
  if (!wanted)
    return std::nullopt; // params without a name are refused by their reader
  auto name_field = only_field(headers, "Mcp-Name");
  if (!name_field)
    return mismatch(request, "Mcp-Name is required, once.");
  auto name = decode_mirrored(*name_field);
  if (!name)
    return mismatch(request, "Mcp-Name has characters or base64 that it may not have.");
  if (*name != *wanted)
    return mismatch(request, "Mcp-Name is not the " + std::string{member} + " of the body.");
  return std::nullopt;
}

/// Reads what the envelope says of the client; a text is what is wrong with it.
std::variant<stateless_client, std::string> read_client(const json::object& meta) {
  stateless_client client;
  auto* capabilities = find_object(meta, envelope::client_capabilities);
  if (!capabilities)
    return "_meta[\"" + std::string{envelope::client_capabilities} + "\"] is missing or no object.";
  client.capabilities = *capabilities;
  if (auto* info = find(meta, envelope::client_info)) {
    if (!info->is_object())
      return "_meta[\"" + std::string{envelope::client_info} + "\"] must be an object.";
    client.info = info->get_object();
  }
  if (auto* level = find(meta, envelope::log_level)) {
    auto read = parse_set_level(json::object{{"level", *level}});
    if (!read)
      return "_meta[\"" + std::string{envelope::log_level} + "\"]: " + message_of(read.error());
    client.level = *read;
  }
  return client;
}

routed_post read_stateless(const http_headers& headers, rpc_request request) {
  auto meta = *find_object(request.params, "_meta");
  if (auto bad = check_version(headers, request, *find(meta, version_claim)))
    return std::move(*bad);
  auto client = read_client(meta);
  if (auto* wrong = std::get_if<std::string>(&client))
    return bad_envelope(request.id, std::move(*wrong));
  std::optional<progress_token> progress;
  if (auto* token = find(meta, "progressToken")) {
    progress = rpc_id::from(*token);
    if (!progress)
      return bad_envelope(request.id, "_meta.progressToken must be a text or a whole number.");
  }
  if (auto bad = check_names(headers, request))
    return std::move(*bad);
  return stateless_request{std::move(request.id), std::move(request.method),
                           std::move(request.params), std::get<stateless_client>(std::move(client)),
                           std::move(progress)};
}

/// Whether `initialize` has all that the stateless era demands: only then it is a removed method
/// of that era, and not the handshake (step 4).
bool has_valid_envelope(const rpc_request& request) {
  auto* meta = find_object(request.params, "_meta");
  return meta && find_string(*meta, version_claim) == stateless_version
         && find_object(*meta, envelope::client_capabilities);
}

std::optional<rpc_id> id_of(const rpc_message& message) {
  auto* request = std::get_if<rpc_request>(&message);
  return request ? std::optional{request->id} : std::nullopt;
}

/// The header speaks of the stateless era, the body does not: what is missing (step 6).
refusal missing_envelope(const rpc_message& message) {
  return bad_envelope(id_of(message), "params._meta must hold \"" + std::string{version_claim}
                                        + "\" and \"" + std::string{envelope::client_capabilities}
                                        + "\" in protocol version " + std::string{stateless_version}
                                        + ".");
}

json::object meta_of(const server_info& server) {
  json::object info{{"name", server.name}, {"title", server.title}, {"version", server.version}};
  return {{view(envelope::server_info), std::move(info)}};
}

constexpr std::array cacheable_methods{method::discover,       method::tools_list,
                                       method::prompts_list,   method::resources_list,
                                       method::templates_list, method::resources_read};

} // namespace

std::string encode_error(const refusal& x) { return encode_error(x.id, x.code, x.message, x.data); }

routed_post route_post(const http_headers& headers, std::string_view text) {
  auto decoded = decode_body(text);
  if (auto* fault = std::get_if<rpc_fault>(&decoded))
    return refusal{http_status_of(fault->code), fault->code, fault->message, fault->id, {}};
  auto& body = std::get<rpc_body>(decoded);
  bool claimed = claims_stateless(body);
  bool header_claims = header_claims_stateless(headers);
  if (body.batch) {
    if (claimed || header_claims)
      return refusal{
        400, code_invalid_request, "Protocol version 2026-07-28 has no batches.", std::nullopt, {}};
    return std::move(body);
  }
  auto& message = body.messages.front();
  auto* request = std::get_if<rpc_request>(&message);
  if (request && request->method == method::initialize && !has_valid_envelope(*request)) {
    if (header_claims)
      return mismatch(*request, "initialize belongs to versions before 2026-07-28.");
    return std::move(body);
  }
  if (claimed && request)
    return read_stateless(headers, std::move(*request));
  if (claimed)
    return stateless_notice{std::get<rpc_notification>(message).method};
  if (header_claims)
    return missing_envelope(message);
  return std::move(body);
}

int stateless_status_of(int rpc_code) {
  switch (rpc_code) {
  case code_unknown_method:
    return 404;
  case code_parse_error:
  case code_invalid_request:
  case code_header_mismatch:
  case code_missing_capability:
  case code_unsupported_version:
    return 400;
  default:
    return 200;
  }
}

refusal unknown_stateless_method(const rpc_id& id, std::string_view name) {
  return {404, code_unknown_method, "Unknown method: " + std::string{name}, id, {}};
}

bool may_require_input(std::string_view name) {
  return name == method::tools_call || name == method::prompts_get
         || name == method::resources_read;
}

// -- results ------------------------------------------------------------------

json::object tools_capability() { return {{"tools", json::object{{"listChanged", true}}}}; }

json::object discover_result(const stateless_offer& offer) {
  json::object result{{"supportedVersions", json::array{view(stateless_version)}},
                      {"capabilities", offer.capabilities}};
  if (!offer.server.instructions.empty())
    result["instructions"] = offer.server.instructions;
  return complete_result(std::move(result), offer.server, true);
}

json::object complete_result(json::object result, const server_info& server, bool cacheable) {
  if (!result.contains(view(result_type)))
    result[view(result_type)] = view(complete_type);
  auto* meta = result.if_contains("_meta");
  if (!meta || !meta->is_object())
    result["_meta"] = meta_of(server);
  else if (!meta->get_object().contains(view(envelope::server_info)))
    meta->get_object()[view(envelope::server_info)] = meta_of(server)[view(envelope::server_info)];
  auto* type = result.if_contains(view(result_type));
  if (!cacheable || !type->is_string() || type->get_string() != view(complete_type))
    return result;
  auto ttl = find_integer(result, "ttlMs").value_or(list_ttl_ms);
  result["ttlMs"] = std::clamp<std::int64_t>(ttl, 0, list_ttl_ms);
  result["cacheScope"] = "private";
  return result;
}

json::object session_result(json::object result) {
  for (auto name : {"resultType", "ttlMs", "cacheScope"})
    result.erase(name);
  if (auto* meta = result.if_contains("_meta"); meta && meta->is_object()) {
    meta->get_object().erase(view(envelope::server_info));
    if (meta->get_object().empty())
      result.erase("_meta");
  }
  return result;
}

bool is_cacheable(std::string_view name) {
  return std::find(cacheable_methods.begin(), cacheable_methods.end(), name)
         != cacheable_methods.end();
}

// -- subscriptions ------------------------------------------------------------

result<listen_filter> parse_listen(const json::object& params) {
  listen_filter filter;
  auto* wanted = find_object(params, "notifications");
  if (!wanted)
    return invalid("notifications is missing or no object.", "notifications");
  auto read = [&](const char* name, bool& into) {
    auto* x = find(*wanted, name);
    if (x && x->is_bool())
      into = x->get_bool();
    return !x || x->is_bool();
  };
  if (!read("toolsListChanged", filter.tools) || !read("promptsListChanged", filter.prompts)
      || !read("resourcesListChanged", filter.resources))
    return invalid("The members of notifications must be true or false.", "notifications");
  auto* uris = find(*wanted, "resourceSubscriptions");
  if (!uris)
    return filter;
  if (!uris->is_array() || uris->get_array().size() > listen_uris_max)
    return invalid("resourceSubscriptions must be a list of at most "
                     + std::to_string(listen_uris_max) + " URIs.",
                   "notifications.resourceSubscriptions");
  for (auto& uri : uris->get_array()) {
    if (!uri.is_string())
      return invalid("resourceSubscriptions must be a list of texts.",
                     "notifications.resourceSubscriptions");
    filter.uris.push_back(to_std(uri.get_string()));
  }
  return filter;
}

bool admits(const listen_filter& filter, std::string_view notification,
            const json::object& params) {
  if (notification == method::tools_changed)
    return filter.tools;
  if (notification == method::prompts_changed)
    return filter.prompts;
  if (notification == method::resources_changed)
    return filter.resources;
  if (notification != method::resource_updated)
    return false;
  auto uri = find_string(params, "uri");
  return uri && std::find(filter.uris.begin(), filter.uris.end(), *uri) != filter.uris.end();
}

std::string encode_acknowledged(const rpc_id& subscription, const listen_filter& honoured) {
  json::object notifications;
  if (honoured.tools)
    notifications["toolsListChanged"] = true;
  if (honoured.prompts)
    notifications["promptsListChanged"] = true;
  if (honoured.resources)
    notifications["resourcesListChanged"] = true;
  if (!honoured.uris.empty()) {
    json::array uris;
    for (auto& uri : honoured.uris)
      uris.emplace_back(uri);
    notifications["resourceSubscriptions"] = std::move(uris);
  }
  return encode_subscribed(subscription, method::acknowledged,
                           {{"notifications", std::move(notifications)}});
}

std::string encode_subscribed(const rpc_id& subscription, std::string_view notification,
                              json::object params) {
  auto* meta = params.if_contains("_meta");
  if (!meta || !meta->is_object())
    params["_meta"] = json::object{};
  params["_meta"].get_object()[view(envelope::subscription)] = subscription.value();
  return encode_notification(notification, params);
}

std::string encode_listen_end(const rpc_id& subscription) {
  json::object meta{{view(envelope::subscription), subscription.value()}};
  return encode_result(subscription, json::object{{view(result_type), view(complete_type)},
                                                  {"_meta", std::move(meta)}});
}

// -- input --------------------------------------------------------------------

result<input_answers> take_input(json::object& params) {
  input_answers answers;
  if (auto* responses = params.if_contains("inputResponses")) {
    if (!responses->is_object())
      return invalid("inputResponses must be an object.", "inputResponses");
    answers.responses = std::move(responses->get_object());
    params.erase("inputResponses");
  }
  if (auto* state = params.if_contains("requestState")) {
    if (!state->is_string())
      return invalid("requestState must be a text.", "requestState");
    answers.state = to_std(state->get_string());
    params.erase("requestState");
  }
  return answers;
}

json::object input_required_result(const std::vector<input_question>& requests,
                                   std::string_view state) {
  json::object result{{view(result_type), "input_required"}};
  json::object map;
  for (auto& x : requests) {
    json::object request{{"method", x.method}};
    if (!x.params.empty())
      request["params"] = x.params;
    map[x.key] = std::move(request);
  }
  if (!map.empty())
    result["inputRequests"] = std::move(map);
  if (!state.empty())
    result["requestState"] = view(state);
  return result;
}

std::string_view capability_of(std::string_view input_method) {
  if (input_method == method::elicit)
    return "elicitation";
  if (input_method == method::sample)
    return "sampling";
  if (input_method == method::list_roots)
    return "roots";
  return {};
}

bool declares(const json::object& capabilities, std::string_view capability) {
  return find_object(capabilities, capability) != nullptr;
}

} // namespace callboard::mcp
