#pragma once

#include "tests/support/mcp_server_script.hpp"
#include "tests/support/node_fixture.hpp"

namespace callboard {

/// What a listener has heard.
struct heard {
  struct note {
    std::uint64_t number;
    std::string method;
    std::string params;
  };
  struct ask {
    std::uint64_t number;
    std::string id;
    std::string method;
    std::string params;
  };
  std::vector<note> notes;
  std::vector<ask> asks;
  std::map<std::uint64_t, std::string> results;
  std::map<std::uint64_t, relay_bill> bills;
  std::map<std::uint64_t, relay_failure> failures;
};

inline relay_listener_actor::behavior_type listener(relay_listener_actor::pointer,
                                                    std::shared_ptr<heard> into) {
  return {
    [into](atom::relay_note, std::uint64_t number, const std::string& method,
           const std::string& params) {
      into->notes.push_back({number, method, params});
    },
    [into](atom::relay_ask, std::uint64_t number, const std::string& id, const std::string& method,
           const std::string& params) {
      into->asks.push_back({number, id, method, params});
    },
    [into](atom::relay_done, std::uint64_t number, const std::string& result,
           const relay_bill& bill) {
      into->results[number] = result;
      into->bills[number] = bill;
    },
    [into](atom::relay_fail, std::uint64_t number, const relay_failure& failure) {
      into->failures[number] = failure;
    },
  };
}

/// A platform with one remote server, "docs", and a client that listens to what its requests give.
struct upstream_fixture : node_fixture {
  upstream_fixture() {
    db->handlers["mcp_server/find"] = [this](const store_call& call) {
      return call.values.at(0).data == "docs" ? one_row(row) : store_rows{};
    };
    db->handlers["mcp_server/pin"] = [this](const store_call&) { return pins; };
    db->answer("mcp_server/save_lists", {{"slug", "docs"}});
    who = keys.at(parse_api_key(user_key)->id.value);
    ear = spawn(listener, said);
  }

  using era = mcp_server_script::era;

  void speak(era which) { server = mcp_server_script::install(web, which); }

  void set(const std::string& column, std::optional<std::string> value) {
    for (auto& [name, old] : row)
      if (name == column)
        old = std::move(value);
  }

  upstream_actor remote() {
    return unbox(
      ask<upstream_actor>(parts.directory, atom::relay_v, platform, std::string{"docs"}));
  }

  relay_request request(std::uint64_t number, std::string method, std::string params) {
    relay_request x;
    x.number = number;
    x.who = who;
    x.app = "docs";
    x.method = std::move(method);
    x.params = std::move(params);
    x.capabilities = R"({"elicitation":{}})";
    x.client = R"({"name":"client","version":"1"})";
    return x;
  }

  relay_request tool_request(std::uint64_t number, std::string more = {}) {
    return request(number, "tools/call",
                   R"({"name":"echo","arguments":{"region":"eu"})" + more + '}');
  }

  /// Request 1, a keyed call whose hold exists already, with that status.
  relay_request keyed_request(const std::string& status) {
    db->handlers["wallet/reserve"] = [status](const store_call&) {
      return one_row({{"code", "exists"}, {"free", "f"}, {"amount", "1500"}, {"status", status}});
    };
    auto x = tool_request(1);
    x.hold = {"55555555-5555-4555-8555-555555555555"};
    x.keyed = true;
    return x;
  }

  void relay(const relay_request& x) { tell(remote(), atom::relay_v, x, ear); }

  static std::vector<cell> connection_row(const std::string& token, const std::string& scope) {
    return {{"id", "44444444-4444-4444-8444-444444444444"},
            {"secret", R"({"access_token":")" + token + R"("})"},
            {"expires_in_ms", std::nullopt},
            {"scopes", "[]"},
            {"provider_fields",
             R"({"token_endpoint":"https://as.test/token","scope":")" + scope + R"("})"},
            {"version", "1"},
            {"is_active", "t"},
            {"needs_reconnect", "f"},
            {"app_active", "t"}};
  }

  /// From now on users connect the server, and have done so with that token, asking for that scope.
  void connect(const std::string& token, const std::string& scope) {
    set("auth", "oauth");
    db->answer("connection/find", connection_row(token, scope));
    db->answer("connection/want_scopes", connection_row(token, scope));
  }

  /// Refuses a token for want of a scope.
  mcp_server_script::handler lacking(const std::string& token, const std::string& scope) {
    return [token, scope](const std::string& id, const auto& x) {
      if (x.header("authorization") != "Bearer " + token)
        return answer_json(200, mcp_server_script::result(id, R"({"content":[]})"));
      return answer_json(
        403, "{}",
        {{"WWW-Authenticate", R"(Bearer error="insufficient_scope", scope=")" + scope + '"'}});
    };
  }

  /// How the only hold ended: S or V.
  std::string settled() { return db->only("wallet/resolve").values.at(1).data; }

  std::vector<cell> row{{"id", "docs"},
                        {"name", "Docs"},
                        {"url", mcp_server_script::url},
                        {"auth", "none"},
                        {"header_name", std::nullopt},
                        {"secret", std::nullopt},
                        {"oauth", "{}"},
                        {"allowed_tools", std::nullopt},
                        {"tool_prefix", ""},
                        {"is_active", "t"},
                        {"withheld", "[]"},
                        {"lists", std::nullopt}};
  store_rows pins;
  principal who;
  std::shared_ptr<heard> said = std::make_shared<heard>();
  relay_listener_actor ear;
  std::shared_ptr<mcp_server_script> server;
};

} // namespace callboard
