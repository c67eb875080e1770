#include "ops/callboard/node_actors.hpp"

#include <algorithm>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <thread>

#include <caf/scoped_actor.hpp>
#include <caf/send.hpp>
#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include "actors/address_book.hpp"
#include "actors/directory.hpp"
#include "actors/dispatcher.hpp"
#include "actors/front.hpp"
#include "actors/lane.hpp"
#include "actors/metrics.hpp"
#include "actors/principal_cache.hpp"
#include "actors/scheduler.hpp"
#include "actors/terminator.hpp"
#include "actors/tool_lists.hpp"
#include "core/connectors/catalogue.hpp"
#include "http/client/http_client.hpp"
#include "ops/callboard/embedded_files.hpp"

namespace callboard {
namespace {

/// Lanes per core: while one commits, the other collects.
constexpr unsigned lanes_per_core = 2;
/// More lanes only add PostgreSQL backends.
constexpr unsigned lanes_max = 16;
/// How long requests that run may go on after SIGTERM (I121; facts reliability.md 6.2).
constexpr auto drain_timeout = std::chrono::seconds{20};

/// The catalogues of the binary, or of a folder that replaces them.
result<std::vector<std::pair<std::string, std::string>>> app_texts(const std::string& folder) {
  std::vector<std::pair<std::string, std::string>> texts;
  if (folder.empty()) {
    for (auto& [name, text] : embedded_apps())
      texts.emplace_back(name, std::string{text});
    return texts;
  }
  std::error_code ec;
  for (auto& entry : std::filesystem::directory_iterator{folder, ec}) {
    if (entry.path().extension() != ".json")
      continue;
    std::ifstream file{entry.path()};
    texts.emplace_back(
      entry.path().filename().string(),
      std::string{std::istreambuf_iterator<char>{file}, std::istreambuf_iterator<char>{}});
  }
  if (ec)
    return make_problem(errc::bad_setting, "--apps-dir " + folder + ": " + ec.message());
  std::sort(texts.begin(), texts.end());
  return texts;
}

/// Journals of lanes with a number of `lanes` or more, from a start on a machine with more cores.
std::vector<std::filesystem::path> journals_beyond(const std::filesystem::path& folder,
                                                   unsigned lanes) {
  std::vector<std::filesystem::path> found;
  for (auto i = lanes; i < lanes_max; ++i)
    if (auto file = folder / fmt::format("lane-{}.jsonl", i); std::filesystem::exists(file))
      found.push_back(file);
  return found;
}

} // namespace

node_config::node_config() {
  add_message_types<caf::id_block::callboard>();
  add_message_types<caf::id_block::callboard_relay>();
  load<scheduler>();
  // The edge, outbound HTTP, the lanes and PostgreSQL take about a core of their own; a thread more
  // only makes all of them wait for each other.
  auto threads = std::max<std::size_t>(2, std::thread::hardware_concurrency()) - 1;
  set("scheduler.max-threads", threads);
  // Between two looks into its queue a thread sleeps 50 us, in case there is something to steal.
  // One that is alone had better be woken.
  if (threads == 1)
    set("work-stealing.moderate-poll-attempts", std::size_t{0});
}

result<std::shared_ptr<const connectors::catalogue>>
load_catalogue(const serve_settings& settings) {
  auto texts = app_texts(settings.apps_dir);
  if (!texts)
    return texts.error();
  std::vector<connectors::app> apps;
  for (auto& [name, text] : *texts) {
    auto app = connectors::load_app(text, name);
    if (!app)
      return app.error();
    apps.push_back(std::move(*app));
  }
  std::vector<connectors::endpoint_override> overrides;
  for (auto& setting : settings.app_bases) {
    auto x = connectors::parse_endpoint_override(setting);
    if (!x)
      return x.error();
    overrides.push_back(std::move(*x));
  }
  return connectors::catalogue::make(std::move(apps), overrides);
}

node_actors::node_actors(caf::actor_system& system, const store_access& access,
                         const serve_settings& settings)
    : system_(system) {
  auto lanes =
    std::min(lanes_max, lanes_per_core * std::max(1u, std::thread::hardware_concurrency()));
  auto journal = std::filesystem::path{settings.store.data_dir} / "journal";
  std::filesystem::create_directories(journal);
  auto left_behind = journals_beyond(journal, lanes);
  for (unsigned i = 0; i < lanes; ++i)
    parts_.store.lanes.push_back(spawn_lane(
      system, {access.conninfo(), access.ring(), journal / fmt::format("lane-{}.jsonl", i),
               static_cast<int>(i), i == 0 ? left_behind : std::vector<std::filesystem::path>{}}));
  http_client_args client;
  client.allow_private = settings.allow_private_upstreams;
  parts_.http = system.spawn(http_client, client);
}

void node_actors::begin(std::shared_ptr<const node_settings> settings,
                        std::shared_ptr<const connectors::catalogue> apps) {
  parts_.settings = std::move(settings);
  parts_.catalogue = std::move(apps);
  parts_.listings = std::make_shared<tool_lists>(*parts_.catalogue, parts_.settings->version);
  parts_.metrics = std::make_shared<node_metrics>();
  parts_.addresses = std::make_shared<address_book>();
  parts_.principals = std::make_shared<principal_cache>(limits::key_cache_entries_max);
  parts_.unix_time = [] { return static_cast<std::int64_t>(std::time(nullptr)); };
  parts_.directory = system_.spawn(directory, parts_);
  caf::scoped_actor self{system_};
  self->request(parts_.directory, limits::actor_timeout, atom::auth_v)
    .receive([this](const authenticator_actor& x) { parts_.authenticator = x; },
             [](const caf::error&) {});
  front_ = system_.spawn(front, parts_);
  sweeper_ = system_.spawn(sweeper, parts_);
  terminator_ = system_.spawn(terminator, terminator_args{front_, parts_.directory, drain_timeout,
                                                          system_.spawn(dispatcher, parts_)});
}

void node_actors::end() {
  caf::scoped_actor self{system_};
  self->request(terminator_, drain_timeout * 2, atom::stop_v)
    .receive([](bool all_done) { spdlog::info("drained complete={}", all_done); },
             [](const caf::error&) { spdlog::warn("drain did not end in time"); });
  self->send_exit(sweeper_, caf::exit_reason::user_shutdown);
  self->send_exit(parts_.http, caf::exit_reason::user_shutdown);
  for (auto& lane : parts_.store.lanes) {
    self->send_exit(lane, caf::exit_reason::user_shutdown);
    self->wait_for(lane);
  }
}

} // namespace callboard
