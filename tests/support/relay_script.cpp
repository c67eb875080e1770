#include "tests/support/relay_script.hpp"

namespace callboard {

upstream_actor::behavior_type fake_upstream(upstream_actor::pointer, relay_script_ptr script) {
  return {
    [script](atom::relay, const relay_request& what, const relay_listener_actor& listener) {
      script->requests.push_back(what);
      script->listeners.push_back(listener);
    },
    [script](atom::relay, const relay_answer& answer, const relay_listener_actor&) {
      script->answers.push_back(answer);
    },
    [script](atom::relay_stop, std::uint64_t number, const relay_listener_actor&) {
      script->stopped.push_back(number);
    },
    [script](atom::relay_list, const principal&, const std::string& kind) -> result<std::string> {
      auto i = script->lists.find(kind);
      if (i == script->lists.end())
        return make_problem(errc::upstream_unavailable, "scripted");
      return i->second;
    },
    [](atom::drop) {},
    [](atom::drop, const end_user_id&) {},
    [](atom::head, fetch_id, const http_response&) {},
    [](atom::chunk, fetch_id, const std::string&) {},
    [](atom::done, fetch_id, const caf::error&) {},
    [](atom::tick) {},
    [](atom::status) { return std::string{"{}"}; },
  };
}

directory_actor::behavior_type
fake_directory(directory_actor::pointer self, directory_actor real,
               std::shared_ptr<std::map<std::string, upstream_actor>> servers) {
  return {
    [=](atom::tenant, const platform_id& platform) {
      return self->delegate(real, atom::tenant_v, platform);
    },
    [=](atom::conn, const platform_id& platform, const end_user_id& user, const std::string& app) {
      return self->delegate(real, atom::conn_v, platform, user, app);
    },
    [=](atom::session, const session_id& id, const principal& who, const std::string& app) {
      return self->delegate(real, atom::session_v, id, who, app);
    },
    [=](atom::relay, const platform_id&, const std::string& slug) -> result<upstream_actor> {
      auto i = servers->find(slug);
      if (i == servers->end())
        return make_problem(errc::unknown_app, "There is no app '" + slug + "'.");
      return i->second;
    },
    [=](atom::enlist, const exchange_actor& x) { self->send(real, atom::enlist_v, x); },
    [=](atom::post, std::uint64_t number) { return self->delegate(real, atom::post_v, number); },
    [=](atom::enlist, const std::string& kind, const std::string& id, const status_actor& x) {
      self->send(real, atom::enlist_v, kind, id, x);
    },
    [=](atom::status, const std::string& kind, const std::string& id) {
      return self->delegate(real, atom::status_v, kind, id);
    },
    [=](atom::drop) { self->send(real, atom::drop_v); },
    [=](atom::auth) { return self->delegate(real, atom::auth_v); },
    [=](atom::drain) { self->send(real, atom::drain_v); },
    [=](atom::stop) { self->send(real, atom::stop_v); },
    [](atom::tick) {},
  };
}

relay_fixture::relay_fixture() {
  for (auto& [slug, script] : {std::pair{"docs", docs}, std::pair{"wiki", wiki}}) {
    script->lists["server"] = R"({"capabilities":{"tools":{"listChanged":true},"prompts":{},)"
                              R"("resources":{"subscribe":true},"completions":{}},)"
                              R"("serverInfo":{"name":"s","version":"1"},"instructions":"Ask."})";
    script->lists["prompts"] = "[]";
    script->lists["resources"] = "[]";
    script->lists["resourceTemplates"] = "[]";
    (*servers)[slug] = spawn(fake_upstream, script);
  }
  docs->lists["tools"] = R"([{"name":"search","inputSchema":{"type":"object","properties":{)"
                         R"("region":{"type":"string","x-mcp-header":"Region"}}}},)"
                         R"({"name":"fetch","inputSchema":{"type":"object"}}])";
  docs->lists["resources"] = R"([{"uri":"docs://a","name":"a"}])";
  docs->lists["resourceTemplates"] = R"([{"uriTemplate":"docs://t/{id}","name":"t"}])";
  wiki->lists["tools"] = R"([{"name":"wiki_page","inputSchema":{"type":"object"}}])";
  wiki->lists["prompts"] = R"([{"name":"summary"}])";
  parts.directory = spawn(fake_directory, parts.directory, servers);
}

void relay_fixture::note(const std::string& method, const std::string& params) {
  tell(docs->listeners.back(), atom::relay_note_v, docs->last().number, method, params);
}

void relay_fixture::ask_client(const std::string& ask, const std::string& method,
                               const std::string& params) {
  tell(docs->listeners.back(), atom::relay_ask_v, docs->last().number, ask, method, params);
}

void relay_fixture::done(const std::string& result, const relay_bill& bill) {
  tell(docs->listeners.back(), atom::relay_done_v, docs->last().number, result, bill);
}

void relay_fixture::fail(relay_failure why) {
  tell(docs->listeners.back(), atom::relay_fail_v, docs->last().number, std::move(why));
}

} // namespace callboard
