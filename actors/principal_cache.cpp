#include "actors/principal_cache.hpp"

#include <utility>

namespace callboard {

std::optional<principal_cache::entry> principal_cache::find(const std::string& digest) {
  std::lock_guard lock{mutex_};
  auto i = young_.find(digest);
  if (i == young_.end()) {
    auto node = old_.extract(digest);
    if (node.empty())
      return std::nullopt;
    add(digest, std::move(node.mapped()));
    i = young_.find(digest);
  }
  return i->second;
}

std::uint64_t principal_cache::epoch() const {
  std::lock_guard lock{mutex_};
  return epoch_;
}

void principal_cache::insert(std::string digest, entry x, std::uint64_t epoch) {
  std::lock_guard lock{mutex_};
  if (epoch == epoch_)
    add(std::move(digest), std::move(x));
}

void principal_cache::add(std::string digest, entry x) {
  if (young_.size() >= generation_max_) {
    old_ = std::move(young_);
    young_.clear();
  }
  young_.insert_or_assign(std::move(digest), std::move(x));
}

void principal_cache::clear() {
  std::lock_guard lock{mutex_};
  ++epoch_;
  young_.clear();
  old_.clear();
}

std::size_t principal_cache::size() const {
  std::lock_guard lock{mutex_};
  return young_.size() + old_.size();
}

} // namespace callboard
