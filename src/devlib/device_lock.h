// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "base/result.h"
#include "os/descriptor.h"

namespace melon::devlib {

/// The right to slice one physical device: one daemon at a time, whatever its state folder and
/// user. Held until destroyed, also by a kill.
class DeviceLock {
 public:
  /// `folder` is shared by all daemons of the machine (made 01777 when absent; root's daemon
  /// takes it, and the locks in it, over from users who were first); `state_folder` is
  /// told to others who ask. Errors: kAlreadyExists (the message names the holder's process and
  /// state folder, the remedy is a command that ends it), kPermissionDenied (the remedy is a
  /// command for whoever may), kUnavailable.
  static Result<DeviceLock> take(const std::string& folder, const std::string& device_key,
                                 const std::string& state_folder);

 private:
  explicit DeviceLock(os::Descriptor file) : file_(std::move(file)) {}
  os::Descriptor file_;
};

}  // namespace melon::devlib
