// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "devlib/catalog.h"

namespace melon::agent {

/// What one look at the devices saw.
struct DeviceLook {
  std::map<std::string, devlib::Sample> samples = {};  // by Device::id
  std::vector<devlib::DeviceProcess> processes = {};
};

/// Asks the catalog about these devices. Takes as long as their libraries take.
DeviceLook look_at(devlib::Catalog& catalog, const std::vector<core::Device>& devices);

/// Looks at devices on a thread of its own, because a driver may take for ever to answer and nobody
/// else may wait for it.
///
///  I1  at most one look is under way, and none waits behind it.
///  I2  after the destructor `done` is not called; a look that hangs is left behind, with what it
///      uses.
/// start() and the destructor: one thread. `done` is called on the watch's own.
class DeviceWatch {
 public:
  using Done = std::function<void(DeviceLook)>;
  using Look = std::function<DeviceLook(const std::vector<core::Device>&)>;

  DeviceWatch(Look look, Done done);
  ~DeviceWatch();
  DeviceWatch(const DeviceWatch&) = delete;
  DeviceWatch& operator=(const DeviceWatch&) = delete;

  /// Starts a look, unless one is under way: then false.
  bool start(std::vector<core::Device> devices);

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace melon::agent
