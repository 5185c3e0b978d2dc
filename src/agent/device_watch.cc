// SPDX-License-Identifier: Apache-2.0
// The thread that waits for drivers, so that the server need not.
#include "agent/device_watch.h"

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <optional>
#include <thread>

namespace melon::agent {
namespace {

/// So long the end of the daemon waits for a look under way; a healthy one takes milliseconds.
constexpr std::chrono::seconds kPatience{2};

}  // namespace

DeviceLook look_at(devlib::Catalog& catalog, const std::vector<core::Device>& devices) {
  DeviceLook look;
  for (const core::Device& device : devices) look.samples[device.id] = catalog.sample(device);
  look.processes = catalog.processes();
  return look;
}

struct DeviceWatch::State {
  Look look;
  std::mutex mutex;
  std::condition_variable changed;
  Done done;                                        // under mutex; empty: nobody wants to know
  std::optional<std::vector<core::Device>> wanted;  // under mutex
  bool looking = false;                             // under mutex
  bool ending = false;                              // under mutex
  bool ended = false;                               // under mutex

  void run() {
    std::unique_lock lock(mutex);
    while (true) {
      changed.wait(lock, [this] { return ending || wanted; });
      if (ending) break;
      const std::vector<core::Device> devices = std::move(*wanted);
      wanted.reset();
      lock.unlock();
      DeviceLook seen = look(devices);
      lock.lock();
      looking = false;
      if (done) done(std::move(seen));  // under the lock, so that the destructor can take it away
    }
    ended = true;
    changed.notify_all();
  }
};

DeviceWatch::DeviceWatch(Look look, Done done) : state_(std::make_shared<State>()) {
  state_->look = std::move(look);
  state_->done = std::move(done);
  // Detached, and kept alive by what it holds: one that hangs in a driver can never be joined.
  std::thread([state = state_] { state->run(); }).detach();
}

DeviceWatch::~DeviceWatch() {
  std::unique_lock lock(state_->mutex);
  state_->done = nullptr;
  state_->ending = true;
  state_->changed.notify_all();
  state_->changed.wait_for(lock, kPatience, [this] { return state_->ended; });
}

bool DeviceWatch::start(std::vector<core::Device> devices) {
  const std::lock_guard lock(state_->mutex);
  if (state_->looking) return false;
  state_->looking = true;
  state_->wanted = std::move(devices);
  state_->changed.notify_all();
  return true;
}

}  // namespace melon::agent
