#include "actors/address_book.hpp"

#include <algorithm>

namespace callboard {
namespace {

std::string connection_key(const end_user_id& user, const std::string& app) {
  return user.value + '/' + app;
}

std::string upstream_key(const platform_id& platform, const std::string& slug) {
  return platform.value + '/' + slug;
}

} // namespace

// -- for everybody ----------------------------------------------------------------

tenant_actor address_book::tenant(const platform_id& platform, time_point now) {
  std::lock_guard lock{mutex_};
  auto i = tenants_.find(platform);
  if (i == tenants_.end())
    return {};
  i->second.used_at = std::max(i->second.used_at, now);
  return i->second.actor;
}

connection_actor address_book::connection(const end_user_id& user, const std::string& app,
                                          time_point now) {
  auto key = connection_key(user, app);
  std::lock_guard lock{mutex_};
  auto i = connections_.find(key);
  if (i == connections_.end())
    return {};
  i->second.used_at = std::max(i->second.used_at, now);
  return i->second.actor;
}

address_book::laid_out_ptr address_book::credentials_of(const end_user_id& user,
                                                        const std::string& app,
                                                        std::int64_t unix_time) const {
  auto key = connection_key(user, app);
  std::lock_guard lock{mutex_};
  auto i = connections_.find(key);
  if (i == connections_.end() || !i->second.opened)
    return nullptr;
  auto& opened = i->second.opened;
  bool fits = opened->changes == changes() && (opened->until == 0 || unix_time < opened->until);
  return fits ? opened : nullptr;
}

session_actor address_book::session(const std::string& digest, const principal& who,
                                    const std::string& app) const {
  std::lock_guard lock{mutex_};
  auto i = sessions_.find(digest);
  if (i == sessions_.end() || !i->second.belongs_to(who, app))
    return {};
  return i->second.actor;
}

upstream_actor address_book::upstream(const platform_id& platform, const std::string& slug) const {
  auto key = upstream_key(platform, slug);
  std::lock_guard lock{mutex_};
  auto i = upstreams_.find(key);
  return i == upstreams_.end() ? upstream_actor{} : i->second;
}

// -- what connections lay out -----------------------------------------------------

void address_book::withdraw(const end_user_id& user, const std::string& app) {
  std::lock_guard lock{mutex_};
  auto i = connections_.find(connection_key(user, app));
  if (i == connections_.end())
    return;
  i->second.opened.reset();
  ++i->second.withdrawals;
}

std::uint64_t address_book::withdrawals(const end_user_id& user, const std::string& app) const {
  std::lock_guard lock{mutex_};
  auto i = connections_.find(connection_key(user, app));
  return i == connections_.end() ? 0 : i->second.withdrawals;
}

void address_book::lay_out(const end_user_id& user, const std::string& app,
                           std::uint64_t withdrawals, laid_out x) {
  auto opened = std::make_shared<const laid_out>(std::move(x));
  std::lock_guard lock{mutex_};
  auto i = connections_.find(connection_key(user, app));
  if (i != connections_.end() && i->second.withdrawals == withdrawals)
    i->second.opened = std::move(opened);
}

void address_book::take_in(const end_user_id& user, const std::string& app) {
  std::lock_guard lock{mutex_};
  auto i = connections_.find(connection_key(user, app));
  if (i != connections_.end())
    i->second.opened.reset();
}

// -- for the directory ------------------------------------------------------------

void address_book::add(const platform_id& platform, const tenant_actor& x, time_point now) {
  std::lock_guard lock{mutex_};
  tenants_.insert_or_assign(platform, entry<tenant_actor>{x, now});
}

void address_book::add(const end_user_id& user, const std::string& app, const connection_actor& x,
                       time_point now) {
  std::lock_guard lock{mutex_};
  connections_.insert_or_assign(connection_key(user, app), connection_entry{{x, now}, {}, 0});
}

void address_book::add(const std::string& digest, session_entry x) {
  std::lock_guard lock{mutex_};
  sessions_.insert_or_assign(digest, std::move(x));
}

void address_book::add(const platform_id& platform, const std::string& slug,
                       const upstream_actor& x) {
  std::lock_guard lock{mutex_};
  upstreams_.insert_or_assign(upstream_key(platform, slug), x);
}

bool address_book::has_session(const std::string& digest) const {
  std::lock_guard lock{mutex_};
  return sessions_.contains(digest);
}

void address_book::erase_session(const std::string& digest, caf::actor_id gone) {
  std::lock_guard lock{mutex_};
  auto i = sessions_.find(digest);
  if (i != sessions_.end() && i->second.actor.id() == gone)
    sessions_.erase(i);
}

void address_book::erase(const caf::actor_addr& gone) {
  std::lock_guard lock{mutex_};
  auto is_gone = [&](auto& x) { return x.second.actor.address() == gone; };
  std::erase_if(tenants_, is_gone);
  std::erase_if(connections_, is_gone);
  std::erase_if(upstreams_, [&](auto& x) { return x.second.address() == gone; });
}

std::vector<caf::actor> address_book::take_idle(time_point before) {
  std::vector<caf::actor> taken;
  std::lock_guard lock{mutex_};
  auto take = [&](auto& map) {
    std::erase_if(map, [&](auto& x) {
      if (x.second.used_at >= before)
        return false;
      taken.push_back(caf::actor_cast<caf::actor>(x.second.actor));
      return true;
    });
  };
  take(tenants_);
  take(connections_);
  return taken;
}

std::size_t address_book::sessions() const {
  std::lock_guard lock{mutex_};
  return sessions_.size();
}

std::size_t address_book::tenants() const {
  std::lock_guard lock{mutex_};
  return tenants_.size();
}

} // namespace callboard
