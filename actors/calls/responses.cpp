#include <algorithm>
#include <set>

#include "actors/calls/table.hpp"
#include "actors/chat_loop.hpp"
#include "actors/response_loop.hpp"
#include "core/base/limits.hpp"
#include "core/connectors/catalogue.hpp"

namespace callboard::calls {
namespace {

store_value owner_of(const principal& who) {
  return who.end_user.empty() ? store_value::null() : store_value::text(who.end_user.value);
}

/// Whether a tool item names an app that is not in the catalogue: a remote server, if anything.
bool names_remote(const json::object& body, const connectors::catalogue& catalogue) {
  auto* tools = find_array(body, "tools");
  if (!tools)
    return false;
  return std::any_of(tools->begin(), tools->end(), [&](auto& item) {
    auto* tool = item.if_object();
    auto label = tool ? find_string(*tool, "server_label") : std::nullopt;
    return label && !catalogue.find_app(*label);
  });
}

/// The slugs of an app/active_list answer.
std::set<std::string, std::less<>> slugs_of(const store_rows& rows) {
  std::set<std::string, std::less<>> slugs;
  if (rows.empty())
    return slugs;
  auto list = json::parse(store_row{rows, 0}.text("data"));
  for (auto& item : list.as_array())
    slugs.insert(to_std(item.at("app_slug").as_string()));
  return slugs;
}

void create(call_self self, const json::object& body, std::set<std::string, std::less<>> remote) {
  auto& state = self->state;
  responses::request_context context;
  context.mcp_url = state.parts.settings->mcp_url;
  context.knows_app = [catalogue = state.parts.catalogue,
                       remote = std::move(remote)](std::string_view slug) {
    return catalogue->find_app(slug) != nullptr || remote.count(slug) != 0;
  };
  auto request = responses::parse_request(body, context);
  if (!request)
    return state.fail(request.error());
  if (!request->servers.empty() && state.who.kind != key_kind::end_user)
    return state.fail(
      make_problem(errc::forbidden, "MCP tools need an end-user key (sk-eu_...).", "tools")); // I80
  self->spawn(response_loop,
              response_loop_args{state.parts, state.who, state.call, std::move(*request)});
  state.hand_over();
}

} // namespace

void models_list(call_self self) {
  auto& state = self->state;
  state.run_for({}, "model/list", {}, [self](store_rows& rows) {
    auto data = rows.empty() ? std::string{"[]"} : store_row{rows, 0}.text("data");
    self->state.finish(200, "{\"object\":\"list\",\"data\":" + data + "}");
  });
}

void responses_create(call_self self) {
  auto& state = self->state;
  auto body = state.body();
  if (!body)
    return;
  if (!names_remote(*body, *state.parts.catalogue))
    return create(self, *body, {});
  state.run("app/active_list", {}, [self, body = std::move(*body)](store_rows& rows) {
    create(self, body, slugs_of(rows));
  });
}

void responses_get(call_self self) {
  auto& state = self->state;
  state.answer_with("response/find",
                    {store_value::text(state.path_field("response_id")), owner_of(state.who)});
}

void responses_delete(call_self self) {
  auto& state = self->state;
  auto id = state.path_field("response_id");
  state.run(
    "response/delete", {store_value::text(id), owner_of(state.who)}, [self, id](store_rows& rows) {
      if (rows.empty())
        return self->state.fail(
          make_problem(errc::not_found, "There is no response with this id."));
      self->state.finish(200, json::object{{"id", id}, {"object", "response"}, {"deleted", true}});
    });
}

void responses_input_items(call_self self) {
  auto& state = self->state;
  state.run("response/find",
            {store_value::text(state.path_field("response_id")), owner_of(state.who)},
            [self](store_rows& rows) {
              if (rows.empty())
                return self->state.fail(
                  make_problem(errc::not_found, "There is no response with this id."));
              auto items = json::parse(store_row{rows, 0}.text("input")).as_array();
              json::object list{{"object", "list"}, {"has_more", false}};
              list["first_id"] = items.empty() ? json::value{} : items.front().at("id");
              list["last_id"] = items.empty() ? json::value{} : items.back().at("id");
              list["data"] = std::move(items);
              self->state.finish(200, list);
            });
}

void chat_completions(call_self self) {
  auto& state = self->state;
  auto body = state.body();
  if (!body)
    return;
  auto request = responses::parse_chat_completion(*body);
  if (!request)
    return state.fail(request.error());
  self->spawn(chat_loop, chat_loop_args{state.parts, state.who, state.call, std::move(*request)});
  state.hand_over();
}

} // namespace callboard::calls
