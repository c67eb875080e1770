#pragma once

#include <string>
#include <utility>

#include "actors/address_book.hpp"
#include "actors/interfaces.hpp"
#include "actors/node.hpp"
#include "actors/principal_cache.hpp"
#include "actors/store_query.hpp"
#include "core/base/digest.hpp"

/// How actors find others and principals: from what the node knows, at once and without a message,
/// or else from the actor that can find out. `then` is called with what was found, `fail` with a
/// caf::error; exactly one of them, now or later, on the caller's thread.
namespace callboard {

/// What asks the directory, which may have to ask the store.
template <class Handle, class Self, class Then, class Fail, class... Ts>
void ask_directory(Self* self, const node_parts& parts, Then then, Fail fail, Ts... xs) {
  self->request(parts.directory, limits::store_timeout * 2, std::move(xs)...)
    .then([then = std::move(then)](const Handle& found) mutable { then(found); },
          [fail = std::move(fail)](caf::error& x) mutable { fail(store_error(std::move(x))); });
}

/// The tenant actor of a platform.
template <class Self, class Then, class Fail>
void with_tenant(Self* self, const node_parts& parts, const platform_id& platform, Then then,
                 Fail fail) {
  if (auto known = parts.addresses->tenant(platform, self->clock().now()))
    return then(known);
  ask_directory<tenant_actor>(self, parts, std::move(then), std::move(fail), atom::tenant_v,
                              platform);
}

/// A platform's model by slug, or its default for an empty one. errc::model_not_found,
/// invalid_field.
template <class Self, class Then, class Fail>
void with_model(Self* self, const node_parts& parts, const platform_id& platform,
                const std::string& slug, Then then, Fail fail) {
  auto ask = [self, slug, then = std::move(then), fail](const tenant_actor& tenant) {
    self->request(tenant, limits::store_timeout, atom::model_v, slug)
      .then([then](const model_info& found) { then(found); },
            [fail](caf::error& x) { fail(store_error(std::move(x))); });
  };
  with_tenant(self, parts, platform, std::move(ask), fail);
}

/// An end user's connection to an app; it may turn out to be missing.
template <class Self, class Then, class Fail>
void with_connection(Self* self, const node_parts& parts, const platform_id& platform,
                     const end_user_id& user, const std::string& app, Then then, Fail fail) {
  if (auto known = parts.addresses->connection(user, app, self->clock().now()))
    return then(known);
  ask_directory<connection_actor>(self, parts, std::move(then), std::move(fail), atom::conn_v,
                                  platform, user, app);
}

/// An end user's credentials at an app; `then` gets the connection, too.
template <class Self, class Then, class Fail>
void with_credentials(Self* self, const node_parts& parts, const platform_id& platform,
                      const end_user_id& user, const std::string& app, Then then, Fail fail) {
  auto ask = [=](const connection_actor& found) {
    if (auto known = parts.addresses->credentials_of(user, app, parts.unix_time()))
      return then(found, known->opened);
    self->request(found, limits::token_call_timeout * 2, atom::token_v)
      .then([=](const credentials& opened) { then(found, opened); },
            [=](caf::error& x) { fail(store_error(std::move(x))); });
  };
  with_connection(self, parts, platform, user, app, std::move(ask), fail);
}

/// A session as its client names it, if it belongs to this principal and app; else
/// errc::session_expired.
template <class Self, class Then, class Fail>
void with_session(Self* self, const node_parts& parts, const session_id& id, const principal& who,
                  const std::string& app, Then then, Fail fail) {
  if (auto known = parts.addresses->session(to_hex(sha256(id.value)), who, app))
    return then(known);
  ask_directory<session_actor>(self, parts, std::move(then), std::move(fail), atom::session_v, id,
                               who, app);
}

/// A platform's remote MCP server. errc::unknown_app, app_not_active.
template <class Self, class Then, class Fail>
void with_upstream(Self* self, const node_parts& parts, const platform_id& platform,
                   const std::string& slug, Then then, Fail fail) {
  if (auto known = parts.addresses->upstream(platform, slug))
    return then(known);
  ask_directory<upstream_actor>(self, parts, std::move(then), std::move(fail), atom::relay_v,
                                platform, slug);
}

/// Whose key it is. errc::invalid_api_key.
template <class Self, class Then, class Fail>
void with_principal(Self* self, const node_parts& parts, const std::string& key, Then then,
                    Fail fail) {
  auto known = parts.principals->find(sha256(key));
  if (known && !known->has_expired(parts.unix_time()))
    return then(known->who);
  self->request(parts.authenticator, limits::store_timeout, atom::auth_v, key)
    .then([then = std::move(then)](const principal& found) mutable { then(found); },
          [fail = std::move(fail)](caf::error& x) mutable { fail(store_error(std::move(x))); });
}

// -- telling of changes: whoever asks after that is told the new -------------------

/// Something that keys depend on was changed through this node.
template <class Self>
void forget_keys(Self* self, const node_parts& parts) {
  parts.principals->clear();
  parts.addresses->note_change();
  self->send(parts.authenticator, atom::drop_v);
}

/// An end user's stored connection to an app or remote server was changed through this node.
template <class Self>
void forget_connection(Self* self, const node_parts& parts, const platform_id& platform,
                       const end_user_id& user, const std::string& app) {
  parts.addresses->withdraw(user, app);
  if (auto known = parts.addresses->connection(user, app, {}))
    self->send(known, atom::drop_v);
  if (auto known = parts.addresses->upstream(platform, app))
    self->send(known, atom::drop_v, user);
}

} // namespace callboard
