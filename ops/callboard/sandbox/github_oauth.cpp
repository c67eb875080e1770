#include "ops/callboard/sandbox/github_oauth.hpp"

#include <algorithm>
#include <utility>

#include "core/base/digest.hpp"
#include "ops/callboard/sandbox/html.hpp"

namespace callboard::sandbox {

namespace {

using fields = std::vector<name_value>;

/// GitHub's codes live ten minutes.
constexpr std::int64_t code_seconds = 600;
/// And the refresh token of a GitHub App half a year.
constexpr std::int64_t refresh_seconds = 15'897'600;
constexpr std::size_t code_bytes = 10;
constexpr std::size_t token_bytes = 27;
/// Codes nobody fetched; the oldest are dropped by their age anyway.
constexpr std::size_t codes_max = 100'000;
constexpr std::string_view error_uri = "https://docs.github.com/apps/managing-oauth-apps/"
                                       "troubleshooting-oauth-app-access-token-request-errors/";

std::string field(const fields& all, std::string_view name) {
  return find_field(all, name).value_or("");
}

/// Query first, then a form or JSON body: what the client sent, wherever it put it.
fields read_fields(const request& x) {
  auto all = x.query;
  if (x.body.empty())
    return all;
  if (x.header("Content-Type").starts_with("application/json")) {
    if (auto body = parse_json_object(x.body))
      for (const auto& [name, value] : *body)
        if (value.is_string())
          all.emplace_back(name, to_std(value.get_string()));
    return all;
  }
  if (auto form = parse_form(x.body))
    all.insert(all.end(), form->begin(), form->end());
  return all;
}

answer redirect(const std::string& uri, const fields& extra) {
  answer out;
  out.status = 302;
  const char joint = uri.find('?') == std::string::npos ? '?' : '&';
  out.headers.push_back({"Location", uri + joint + encode_form(extra)});
  return out;
}

fields with_state(fields extra, const fields& all) {
  if (const auto state = find_field(all, "state"))
    extra.emplace_back("state", *state);
  return extra;
}

std::string scopes_of(const std::string& text) {
  std::vector<std::string> names;
  std::string name;
  for (const char c : text + ' ') {
    if (c != ' ' && c != ',') {
      name += c;
    } else if (!name.empty()) {
      if (std::find(names.begin(), names.end(), name) == names.end())
        names.push_back(name);
      name.clear();
    }
  }
  std::sort(names.begin(), names.end());
  std::string out;
  for (const auto& x : names)
    out += (out.empty() ? "" : ",") + x;
  return out;
}

answer consent_page(const fields& all) {
  std::string hidden;
  for (const auto& [name, value] : all)
    hidden += "<input type=\"hidden\" name=\"" + html_escape(name) + "\" value=\""
              + html_escape(value) + "\">\n";
  const auto scope = scopes_of(field(all, "scope"));
  return html_page(200, "Authorize " + field(all, "client_id"),
                   "<p>This is the sandbox, not GitHub. The app wants: <b>"
                     + html_escape(scope.empty() ? "public data" : scope)
                     + "</b></p>\n<form method=\"post\" action=\"/github/login/oauth/authorize\">\n"
                     + hidden
                     + "<button name=\"decision\" value=\"approve\">Approve</button>\n"
                       "<button name=\"decision\" value=\"deny\">Deny</button>\n</form>");
}

/// A token answer in the shape that the client asked for.
answer token_answer(const request& x, const json::object& body) {
  if (x.header("Accept").find("json") != std::string_view::npos)
    return json_answer(200, body);
  fields form;
  for (const auto& [name, value] : body)
    form.emplace_back(name,
                      value.is_string() ? to_std(value.get_string()) : json::serialize(value));
  return text_answer(200, "application/x-www-form-urlencoded; charset=utf-8", encode_form(form));
}

answer token_error(const request& x, std::string_view code, std::string_view description) {
  return token_answer(
    x,
    {{"error", code}, {"error_description", description}, {"error_uri", std::string{error_uri}}});
}

answer bad_code(const request& x) {
  return token_error(x, "bad_verification_code", "The code passed is incorrect or expired.");
}

std::string new_token(std::string_view prefix) {
  auto text = to_base64url(random_bytes(token_bytes));
  std::replace(text.begin(), text.end(), '-', 'A');
  std::replace(text.begin(), text.end(), '_', 'B');
  return std::string{prefix} + text;
}

/// Makes a token and, for the expiring kind, its refresh token. Returns the token answer.
json::object issue(github_store& store, const std::string& login, const std::string& client_id,
                   const std::string& scope, bool expiring, std::int64_t now) {
  const auto token = new_token(expiring ? "ghu_" : "gho_");
  const auto life = store.part("switches").at("token_seconds").as_int64();
  const auto refresh = expiring ? new_token("ghr_") : std::string{};
  store.part("tokens")[token] = json::object{{"login", login},
                                             {"client_id", client_id},
                                             {"scope", scope},
                                             {"expires_at", expiring ? now + life : 0},
                                             {"refresh_token", refresh}};
  json::object out{{"access_token", token}, {"token_type", "bearer"}, {"scope", scope}};
  if (expiring) {
    store.part("refresh")[refresh] = json::object{{"login", login},
                                                  {"client_id", client_id},
                                                  {"scope", scope},
                                                  {"expires_at", now + refresh_seconds},
                                                  {"access_token", token}};
    out["expires_in"] = life;
    out["refresh_token"] = refresh;
    out["refresh_token_expires_in"] = refresh_seconds;
  }
  return out;
}

void drop_old_codes(json::object& codes, std::int64_t now) {
  for (auto i = codes.begin(); i != codes.end();)
    i = i->value().at("expires_at").as_int64() <= now ? codes.erase(i) : i + 1;
}

bool challenge_met(const json::object& code, const std::string& verifier) {
  const auto challenge = to_std(code.at("challenge").as_string());
  return challenge.empty() || to_base64url(sha256(verifier)) == challenge;
}

} // namespace

const oauth_client* github_oauth::find_client(std::string_view id) const {
  const auto i =
    std::find_if(clients.begin(), clients.end(), [id](const auto& x) { return x.id == id; });
  return i == clients.end() ? nullptr : &*i;
}

answer github_oauth::authorize(const request& x) {
  const auto all = read_fields(x);
  const auto client_id = field(all, "client_id");
  const auto uri = field(all, "redirect_uri");
  if (x.method != "GET" && x.method != "POST")
    return html_page(405, "Method not allowed", "<p>GET or POST.</p>");
  if (find_client(client_id) == nullptr)
    return html_page(404, "Not found", "<p>There is no such client_id.</p>");
  if (!uri.starts_with("http://") && !uri.starts_with("https://"))
    return html_page(400, "Bad redirect_uri", "<p>The sandbox needs a redirect_uri.</p>");
  const auto challenge = field(all, "code_challenge");
  if (!challenge.empty() && field(all, "code_challenge_method") != "S256")
    return redirect(uri, with_state({{"error", "invalid_request"},
                                     {"error_description", "Only the method S256 is supported."}},
                                    all));
  auto decision = field(all, "auto");
  if (decision.empty() && x.method == "POST")
    decision = field(all, "decision") == "deny" ? "deny" : "approve";
  if (decision.empty())
    return consent_page(all);
  if (decision != "approve")
    return redirect(
      uri, with_state({{"error", "access_denied"},
                       {"error_description", "The user has denied your application access."},
                       {"error_uri", std::string{error_uri}}},
                      all));
  auto& codes = store.part("codes");
  drop_old_codes(codes, x.now);
  if (codes.size() >= codes_max)
    return html_page(503, "Too many codes", "<p>Fetch some tokens first.</p>");
  const auto login = find_field(all, "login").value_or("octocat");
  const auto code = to_hex(random_bytes(code_bytes));
  store.user_id(login);
  codes[code] = json::object{{"login", login},
                             {"client_id", client_id},
                             {"redirect_uri", uri},
                             {"scope", scopes_of(field(all, "scope"))},
                             {"challenge", challenge},
                             {"expiring", field(all, "expiring") == "1"},
                             {"expires_at", x.now + code_seconds}};
  return redirect(uri, with_state({{"code", code}}, all));
}

answer github_oauth::access_token(const request& x) {
  if (x.method != "POST")
    return json_answer(404, json::object{{"error", "Not Found"}});
  const auto all = read_fields(x);
  const auto* client = find_client(field(all, "client_id"));
  if (client == nullptr || !equal_in_constant_time(client->secret, field(all, "client_secret")))
    return token_error(x, "incorrect_client_credentials",
                       "The client_id and/or client_secret passed are incorrect.");
  const auto grant = find_field(all, "grant_type").value_or("authorization_code");
  if (grant == "refresh_token") {
    auto& rows = store.part("refresh");
    const auto refresh = field(all, "refresh_token");
    const auto* row = find_object(rows, refresh);
    if (row == nullptr || row->at("client_id").as_string() != client->id
        || row->at("expires_at").as_int64() <= x.now)
      return token_error(x, "bad_refresh_token",
                         "The refresh token passed is incorrect or expired.");
    const auto login = to_std(row->at("login").as_string());
    const auto scope = to_std(row->at("scope").as_string());
    const auto old = to_std(row->at("access_token").as_string());
    rows.erase(refresh);
    store.part("tokens").erase(old);
    return token_answer(x, issue(store, login, client->id, scope, true, x.now));
  }
  if (grant != "authorization_code")
    return token_error(x, "unsupported_grant_type", "The grant_type is not supported.");
  auto& codes = store.part("codes");
  const auto* found = find_object(codes, field(all, "code"));
  if (found == nullptr)
    return bad_code(x);
  const auto code = *found;
  codes.erase(field(all, "code"));
  if (code.at("expires_at").as_int64() <= x.now || code.at("client_id").as_string() != client->id
      || !challenge_met(code, field(all, "code_verifier")))
    return bad_code(x);
  const auto uri = find_field(all, "redirect_uri");
  if (uri && *uri != to_std(code.at("redirect_uri").as_string()))
    return token_error(x, "redirect_uri_mismatch",
                       "The redirect_uri must match the registered callback URL.");
  return token_answer(x, issue(store, to_std(code.at("login").as_string()), client->id,
                               to_std(code.at("scope").as_string()), code.at("expiring").as_bool(),
                               x.now));
}

answer github_oauth::revoke(const request& x, const std::string& client_id, bool whole_grant) {
  const auto* client = find_client(client_id);
  const auto given = x.header("Authorization");
  const auto wanted =
    client ? "Basic " + to_base64(client->id + ':' + client->secret) : std::string{};
  if (client == nullptr || !equal_in_constant_time(given, wanted))
    return json_answer(401, json::object{{"message", "Bad credentials"}, {"status", "401"}});
  const auto body = parse_json_object(x.body);
  const auto token = body ? find_string(*body, "access_token") : std::nullopt;
  if (!token)
    return json_answer(
      422, json::object{{"message", "Invalid request.\n\nNo access_token."}, {"status", "422"}});
  const auto* row = find_object(store.part("tokens"), *token);
  if (row == nullptr || row->at("client_id").as_string() != client->id)
    return json_answer(404, json::object{{"message", "Not Found"}, {"status", "404"}});
  std::vector<std::string> ended{*token};
  if (whole_grant)
    for (const auto& [other, value] : store.part("tokens"))
      if (value.at("login") == row->at("login") && value.at("client_id") == row->at("client_id"))
        ended.emplace_back(other);
  for (const auto& one : ended)
    store.revoke(one);
  answer out;
  out.status = 204;
  return out;
}

} // namespace callboard::sandbox
