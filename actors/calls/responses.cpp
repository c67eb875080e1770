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
  responses::request_context context;
  context.mcp_url = state.parts.settings->mcp_url;
  context.knows_app = [catalogue = state.parts.catalogue](std::string_view slug) {
    return catalogue->find_app(slug) != nullptr;
  };
  auto request = responses::parse_request(*body, context);
  if (!request)
    return state.fail(request.error());
  if (!request->servers.empty() && state.who.kind != key_kind::end_user)
    return state.fail(
      make_problem(errc::forbidden, "MCP tools need an end-user key (sk-eu_...).", "tools")); // I80
  self->spawn(response_loop,
              response_loop_args{state.parts, state.who, state.call, std::move(*request)});
  state.hand_over();
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
