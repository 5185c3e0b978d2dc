// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "agent/device_watch.h"
#include "devlib/catalog.h"
#include "devlib/device_lock.h"

namespace melon::agent {

/// How the roster treats the machine's devices.
struct RosterSettings {
  std::string lock_folder = {};
  std::string state_folder = {};          // told to other daemons that ask for a device
  std::vector<std::string> ignored = {};  // ids, aliases or vendors
  bool has_library = true;                // without libmelon.so nobody keeps any limit
};

/// The devices that this daemon may slice, what they report, and who is on them.
///
///  R1  a device without its lock is shown as held, and becomes usable when the holder lets go.
/// Not thread-safe: owned by the server's thread; discover() takes as long as drivers take. After
/// it the catalog is asked by DeviceWatch's thread alone.
class DeviceRoster {
 public:
  DeviceRoster(std::shared_ptr<devlib::Catalog> catalog, RosterSettings settings);

  void discover();
  /// What a look at the devices saw; also tries again for held ones. True when health changed.
  bool take(DeviceLook look);
  /// The processes of the last look.
  const std::vector<devlib::DeviceProcess>& processes() const { return processes_; }

  /// These devices, by key, are as large as they were: what is granted of them still fits.
  void keep_memory(const std::map<std::string, MiB>& memory);

  const std::vector<core::Device>& devices() const { return devices_; }
  const devlib::Sample& sample_of(const std::string& device_id) const;
  const std::vector<core::Fault>& faults() const { return faults_; }
  /// The command that ends whoever holds a held device, by id.
  const std::map<std::string, std::string>& holders() const { return holders_; }
  /// The command that lets the daemon take a device's lock, where nobody holds it, by id.
  const std::map<std::string, std::string>& lock_remedies() const { return lock_remedies_; }
  /// The device that a process is on: that of the scan, or the vendor's only one; else empty.
  std::string device_of(const devlib::DeviceProcess& process) const;

 private:
  bool is_ignored(const core::Device& device) const;
  bool take_lock(core::Device& device);

  std::shared_ptr<devlib::Catalog> catalog_;
  RosterSettings settings_;
  std::vector<core::Device> devices_;
  std::vector<devlib::DeviceLock> locks_;
  std::set<std::string> locked_;  // keys
  std::map<std::string, std::string> holders_;
  std::map<std::string, std::string> lock_remedies_;
  std::map<std::string, devlib::Sample> samples_;
  std::vector<devlib::DeviceProcess> processes_;
  std::vector<core::Fault> faults_;
};

}  // namespace melon::agent
