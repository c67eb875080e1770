#include "storage/data_keys.hpp"

#include "core/base/digest.hpp"
#include "storage/sealing.hpp"

namespace callboard {

namespace {

/// A lane serves its share of the platforms; unwrapping again costs one query.
constexpr std::size_t cache_entries_max = 10'000;
constexpr std::size_t key_bytes = 32;
/// Keys per query of a rotation: a second of work at most.
constexpr int rewrap_page = 200;

seal_place place_of(std::string_view id, std::string_view tenant, std::string_view kek_id) {
  return {"tenant_key", "wrapped", id, tenant, kek_id};
}

void add_tenant(bound_values& values, const std::string& tenant) {
  if (tenant.empty())
    values.add_null();
  else
    values.add_text(tenant);
}

/// A bytea in PostgreSQL's text form is "\x" and hexadecimal digits.
std::string bytes_of(const std::string& cell) {
  return from_hex(std::string_view{cell}.substr(std::min<std::size_t>(2, cell.size())))
    .value_or(std::string{});
}

} // namespace

data_keys::data_keys(key_ring_ptr ring, runner run)
    : ring_(std::move(ring)), run_(std::move(run)) {}

result<data_key> data_keys::of(const std::string& tenant) {
  if (auto pos = cache_.find(tenant); pos != cache_.end())
    return pos->second;
  auto key = load(tenant);
  if (!key && code_of(key.error()) == errc::not_found) {
    if (auto made = create(tenant); !made)
      return std::move(made.error());
    key = load(tenant);
  }
  if (!key)
    return key;
  if (cache_.size() >= cache_entries_max)
    cache_.clear();
  cache_.emplace(tenant, *key);
  return key;
}

result<data_key> data_keys::load(const std::string& tenant) {
  bound_values values;
  add_tenant(values, tenant);
  auto rows = run_("tenant_key/find", std::move(values));
  if (!rows)
    return std::move(rows.error());
  if (rows->empty())
    return make_problem(errc::not_found, "no data key");
  store_row row{*rows, 0};
  auto master = ring_->find(row.text("kek_id"));
  if (!master)
    return std::move(master.error());
  auto id = row.text("id");
  auto bytes =
    open_sealed(master->bytes, place_of(id, tenant, master->id), bytes_of(row.text("wrapped")));
  if (!bytes)
    return std::move(bytes.error());
  return data_key{std::move(id), std::move(*bytes)};
}

result<void> data_keys::create(const std::string& tenant) {
  auto master = ring_->newest();
  auto id = uuid4();
  auto wrapped = seal(master.bytes, place_of(id, tenant, master.id), random_bytes(key_bytes));
  if (!wrapped)
    return std::move(wrapped.error());
  bound_values values;
  values.add_text(id);
  add_tenant(values, tenant);
  values.add_text(master.id);
  values.add_bytes(std::move(*wrapped));
  // No row means that somebody else made one meanwhile, which is as good.
  if (auto rows = run_("tenant_key/insert", std::move(values)); !rows)
    return std::move(rows.error());
  return {};
}

result<std::int64_t> data_keys::rewrap() {
  std::int64_t changed = 0;
  auto newest = ring_->newest();
  for (;;) {
    bound_values query;
    query.add_text(newest.id);
    query.add_text(std::to_string(rewrap_page));
    auto rows = run_("tenant_key/stale", std::move(query));
    if (!rows)
      return std::move(rows.error());
    if (rows->empty())
      return changed;
    for (std::size_t i = 0; i < rows->size(); ++i) {
      store_row row{*rows, i};
      auto old = ring_->find(row.text("kek_id"));
      if (!old)
        return std::move(old.error());
      auto id = row.text("id");
      auto tenant = row.text("platform_id");
      auto bytes =
        open_sealed(old->bytes, place_of(id, tenant, old->id), bytes_of(row.text("wrapped")));
      if (!bytes)
        return std::move(bytes.error());
      auto wrapped = seal(newest.bytes, place_of(id, tenant, newest.id), *bytes);
      if (!wrapped)
        return std::move(wrapped.error());
      bound_values values;
      values.add_text(id);
      values.add_text(old->id);
      values.add_text(newest.id);
      values.add_bytes(std::move(*wrapped));
      auto done = run_("tenant_key/rewrap", std::move(values));
      if (!done)
        return std::move(done.error());
      changed += static_cast<std::int64_t>(done->size());
    }
  }
}

} // namespace callboard
