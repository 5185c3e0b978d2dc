// SPDX-License-Identifier: Apache-2.0
// Starts a daemon, runs it, and ends it in order.
#include "agent/daemon.h"

#include <fmt/format.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <filesystem>

#include "agent/daemon_state.h"
#include "agent/start_note.h"
#include "base/shell_word.h"
#include "config/descriptors.h"
#include "core/names.h"
#include "os/boot.h"
#include "placement/machine.h"
#include "telemetry/log.h"

namespace melon::agent {
namespace {

constexpr int kStopGraceSeconds = 10;
constexpr std::size_t kKeptEvents = 1000;
/// Devices are looked at so often, whatever the sampling of ledgers: who is on one without a grant
/// is known within two seconds.
constexpr std::chrono::seconds kDeviceInterval{1};
constexpr mode_t kNothingForOthersToWrite = 022;

/// Every grant and connection costs descriptors; the soft limit is often 1024.
void raise_descriptor_limit() {
  constexpr rlim_t kEnough = 65'536;
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = std::max(limit.rlim_cur, std::min(limit.rlim_max, kEnough));
  ::setrlimit(RLIMIT_NOFILE, &limit);
}

std::string own_binary() {
  std::error_code error;
  return std::filesystem::read_symlink("/proc/self/exe", error).string();
}

std::string find_library(const std::vector<std::string>& candidates) {
  const auto found = std::ranges::find_if(
      candidates, [](const std::string& path) { return ::access(path.c_str(), R_OK) == 0; });
  return found == candidates.end() ? "" : *found;
}

/// One place for all daemons of the machine, whoever runs them; what root's daemon made is there
/// for users too, where they may make nothing beside it.
std::string default_lock_folder() {
  const std::string folder = "/run/lock/melon";
  const bool usable = ::access(folder.c_str(), W_OK) == 0 || ::access("/run/lock", W_OK) == 0;
  return usable ? folder : "/tmp/melon-locks";
}

Result<config::DaemonConfig> load_config(const DaemonOptions& options) {
  const std::string file = config_file(options, real_surroundings());
  const bool must_be = !options.config_file.empty();
  if (must_be || ::access(file.c_str(), F_OK) == 0) return config::load_daemon_config(file);
  return config::DaemonConfig{};
}

int exit_status_of(Code code) {
  switch (code) {
    case Code::kInvalidArgument:
      return 2;
    case Code::kAlreadyExists:
      return 4;
    default:
      return 1;
  }
}

}  // namespace

Daemon::Daemon(DaemonOptions options, config::DaemonConfig config, Places places)
    : options_(std::move(options)), config_(std::move(config)), places_(std::move(places)) {}

Daemon::~Daemon() = default;

Result<std::unique_ptr<Daemon>> Daemon::start(const DaemonOptions& options) {
  MELON_TRY(config::DaemonConfig config, load_config(options));
  telemetry::set_level(config.log_level);
  MELON_TRY(Places places, places_of(options, config, real_surroundings()));
  const std::string metrics =
      options.metrics_address.empty() ? config.metrics_address : options.metrics_address;
  std::unique_ptr<Daemon> daemon(new Daemon(options, std::move(config), std::move(places)));
  MELON_RETURN_IF_ERROR(daemon->open_state());
  MELON_RETURN_IF_ERROR(daemon->listen(metrics));
  MELON_RETURN_IF_ERROR(daemon->find_devices());
  MELON_RETURN_IF_ERROR(daemon->adopt());
  leave_start_note(start_note_of(daemon->options_, daemon->places_));
  return daemon;
}

/// A database that is empty while grants have folders was not made so by a daemon: a crash of the
/// machine or a full disk did it. Starting from it would forget grants whose programs may run.
Result<> check_database(const std::filesystem::path& database,
                        const std::filesystem::path& grants) {
  std::error_code error;
  if (std::filesystem::file_size(database, error) != 0 || error) return {};
  if (std::filesystem::is_empty(grants, error) || error) return {};
  return fail(Code::kFailedPrecondition,
              fmt::format("database '{}' is damaged: it is empty, and '{}' has grants",
                          database.string(), grants.string()),
              fmt::format("restore it from a backup, or move it aside (the grants in it are then "
                          "unknown): mv {0} {0}.damaged",
                          shell_word(database.string())));
}

Result<> Daemon::open_state() {
  MELON_TRY(vendors_, config::load_descriptors(config_.vendors_folder));
  library_candidates_ = library_candidates(own_binary());
  library_ = find_library(library_candidates_);
  MELON_TRY(StateFolder folder, StateFolder::open(places_.state_folder));
  folder_ = std::make_unique<StateFolder>(std::move(folder));
  MELON_RETURN_IF_ERROR(check_database(folder_->root() / "melon.db", folder_->root() / "grants"));
  MELON_TRY(store_, store::open_sqlite((folder_->root() / "melon.db").string()));
  MELON_TRY(auto stored, store_->events({.at_most = kKeptEvents}));
  const std::int64_t now = clock_.unix_ms();
  if (!stored.empty()) clock_behind_ms_ = std::max<std::int64_t>(0, stored.back().unix_ms - now);
  events_ = std::make_unique<EventLog>(now, std::move(stored));
  feed_ = std::make_unique<GrantFeed>(now);
  return {};
}

Result<> Daemon::listen(const std::string& metrics_address) {
  constexpr std::size_t kBacklog = 8192;  // a watcher is first sent every grant
  server_ = std::make_unique<net::Server>(net::ServerOptions{.max_event_backlog = kBacklog});
  const std::filesystem::path socket = places_.socket;
  std::error_code ignored;  // listening says what is wrong
  std::filesystem::create_directories(socket.parent_path(), ignored);
  MELON_RETURN_IF_ERROR(server_->listen_unix(
      socket.string(), places_.socket_mode,
      [this](const net::HttpRequest& request) { return api_->answer(request); }));
  if (metrics_address.empty()) return {};
  MELON_TRY(const int port,
            server_->listen_tcp(metrics_address, [this](const net::HttpRequest& request) {
              return api_->answer_metrics(request);
            }));
  events_->add(clock_.unix_ms(), "metrics_listening", "", fmt::format("port {}", port));
  return {};
}

Result<> Daemon::find_devices() {
  const std::string locks =
      config_.lock_folder.empty() ? default_lock_folder() : config_.lock_folder;
  catalog_ = std::make_shared<devlib::Catalog>(vendors_);
  roster_ =
      std::make_unique<DeviceRoster>(catalog_, RosterSettings{.lock_folder = locks,
                                                              .state_folder = places_.state_folder,
                                                              .ignored = config_.ignored_devices,
                                                              .has_library = !library_.empty()});
  roster_->discover();
  return keep_device_memory();
}

/// Some drivers, PoCL for one, derive a device's memory from what is free when they are asked, so
/// that it differs from start to start. While grants hold slices of a device it stays as large as
/// it was when they were granted.
Result<> Daemon::keep_device_memory() {
  MELON_TRY(auto known, store_->device_memory());
  MELON_TRY(const std::vector<core::Grant> grants, store_->grants());
  std::set<std::string> held;  // device ids
  for (const core::Grant& grant : grants)
    if (core::holds_slices(grant.state))
      for (const core::Slice& slice : grant.slices) held.insert(slice.device);
  for (const core::Device& device : roster_->devices())
    if (!held.contains(device.id)) known.erase(device.key);
  roster_->keep_memory(known);
  store::Change sizes;
  for (const core::Device& device : roster_->devices())
    sizes.device_memory[device.key] = device.memory;
  // A store that is full now does not keep the daemon from starting; the sizes are learnt again.
  (void)store_->apply(sizes).has_value();
  return {};
}

Result<> Daemon::adopt() {
  MELON_TRY(watch_, ProcessWatch::start([this](core::ProcessId process) {
              server_->post([this, process] { workloads_->process_gone(process); });
            }));
  workloads_ = std::make_unique<Workloads>(WorkloadParts{.clock = clock_,
                                                         .since_boot_ms = os::since_boot_ms,
                                                         .boot_id = os::boot_id(),
                                                         .config = config_,
                                                         .vendors = vendors_,
                                                         .store = *store_,
                                                         .folder = *folder_,
                                                         .events = *events_,
                                                         .feed = *feed_,
                                                         .watch = *watch_});
  workloads_->set_devices(roster_->devices());
  MELON_RETURN_IF_ERROR(workloads_->adopt());
  api_ = std::make_unique<Api>(*workloads_, *events_, *feed_, sources(), ::geteuid());
  events_->add(clock_.unix_ms(), "daemon_started", "",
               fmt::format("devices: {}, grants: {}", roster_->devices().size(), health().grants));
  const placement::Policy& policy = placement::Machine::policy();
  telemetry::info(
      "the policy that places",
      {{"policy", policy.name}, {"does", policy.text}, {"why", "the one of single machines"}});
  device_watch_ = std::make_unique<DeviceWatch>(
      [catalog = catalog_](const std::vector<core::Device>& devices) {
        return look_at(*catalog, devices);
      },
      [this](DeviceLook look) {
        auto seen = std::make_shared<DeviceLook>(std::move(look));
        server_->post([this, seen] { take_look(std::move(*seen)); });
      });
  device_users_ = judge_device_users(roster_->processes(), *workloads_, claims_of, newcomers_);
  report_unmanaged();
  tick();
  return {};
}

void Daemon::run() {
  server_->every(config_.sampling_interval, [this] { tick(); });
  server_->every(kDeviceInterval, [this] { begin_look(); });
  server_->on_signals({SIGTERM, SIGINT}, [this](int) { end(false); });
  server_->run();
  device_watch_.reset();  // their threads post to the server
  watch_.reset();
  workloads_->save_events();
}

void Daemon::tick() {
  workloads_->tick();
  if (stopping_ && !workloads_->any_running()) server_->stop();
}

void Daemon::begin_look() {
  // One that is under way is enough: a driver that hangs is asked no second time.
  if (device_watch_->start(roster_->devices())) look_began_ns_ = clock_.steady_ns();
}

void Daemon::take_look(DeviceLook look) {
  look_began_ns_.reset();
  if (roster_->take(std::move(look))) {
    workloads_->set_devices(roster_->devices());
    for (const core::Device& device : roster_->devices())
      events_->add(clock_.unix_ms(), health_event(device.health), "",
                   fmt::format("{} {}", device.id, device.health_reason));
  }
  device_users_ = judge_device_users(roster_->processes(), *workloads_, claims_of, newcomers_);
  report_unmanaged();
}

void Daemon::report_unmanaged() {
  std::set<std::string> escaped;
  std::set<core::ProcessId> unmanaged;
  for (const DeviceUser& user : device_users_) {
    if (user.managed) continue;
    unmanaged.insert(user.seen.process);
    if (user.grant != nullptr) escaped.insert(user.grant->id);
    if (reported_unmanaged_.contains(user.seen.process)) continue;
    const std::string device = roster_->device_of(user.seen);
    events_->add(clock_.unix_ms(), "unmanaged_process",
                 user.grant == nullptr ? "" : user.grant->name,
                 fmt::format("a process of {} is on {} outside any grant's limits",
                             user_name(user.seen.user), device.empty() ? "a device" : device));
  }
  reported_unmanaged_ = std::move(unmanaged);
  workloads_->set_escaped(escaped);
}

void Daemon::end(bool stop_all) {
  stopping_ = true;
  events_->add(clock_.unix_ms(), "daemon_stopping", "",
               stop_all ? "programs are ended first" : "programs go on under their limits");
  if (!stop_all) return server_->stop();
  workloads_->stop_all(kStopGraceSeconds);
}

Result<Places> daemon_places(const DaemonOptions& options) {
  MELON_TRY(const config::DaemonConfig config, load_config(options));
  return places_of(options, config, real_surroundings());
}

int run_daemon(const DaemonOptions& options) {
  ::umask(kNothingForOthersToWrite);
  raise_descriptor_limit();
  auto daemon = Daemon::start(options);
  if (!daemon) {
    const Error& error = daemon.error();
    fmt::print(stderr, "melon: the daemon cannot start: {}\n", error.message);
    if (!error.remedy.empty()) fmt::print(stderr, "  {}\n", error.remedy);
    return exit_status_of(error.code);
  }
  (*daemon)->run();
  return 0;
}

}  // namespace melon::agent
