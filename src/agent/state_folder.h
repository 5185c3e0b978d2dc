// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "agent/trash.h"
#include "base/result.h"
#include "core/device.h"
#include "core/grant.h"
#include "os/descriptor.h"

namespace melon::agent {

/// The files by which the daemon and its tenants know of each other; the layout is in
/// shim/abi/region.h.
///
///  I1  folders that hold several tenants' files belong to the daemon and are 0755, so that no
///      tenant can create, replace or remove a name in them.
///  I2  a tenant may write only its own ledger, its own arena pages and its private folder.
///  I3  one daemon owns a state folder: it holds the lock file from open() to its end.
/// Not thread-safe: owned by the server's thread.
class StateFolder {
 public:
  /// Makes and locks the folder. Errors: kAlreadyExists (another daemon has it), kPermissionDenied,
  /// kUnavailable.
  static Result<StateFolder> open(const std::filesystem::path& root);

  const std::filesystem::path& root() const { return root_; }
  std::filesystem::path grant_folder(const std::string& grant_id) const;
  std::filesystem::path device_folder(const core::Device& device) const;

  /// Makes all files of a grant that are missing; those that exist stay, the policy is rewritten in
  /// place. Errors: kUnavailable (disk full), kPermissionDenied.
  Result<> write_grant(const core::Grant& grant, std::span<const core::Device> devices) const;
  /// Who shares this device. Errors: as above.
  Result<> write_sharers(const core::Device& device,
                         std::span<const core::Grant* const> sharers) const;
  /// Takes away what the grant's processes used; exit status and logs stay.
  void retire_grant(const std::string& grant_id) const;
  /// Takes away what is left; however much a tenant put there, this returns at once.
  void remove_grant(const std::string& grant_id) const;
  /// Ids of the grants that have a folder and are none of these.
  std::vector<std::string> strangers(std::span<const std::string> known_ids) const;

  std::filesystem::path ledger_path(const std::string& grant_id) const;
  /// What the CLI wrote when it saw the program end: a number from 0 to 255 on one line.
  std::optional<int> read_exit_code(const std::string& grant_id) const;
  /// Bytes free on the file system that holds the folder; empty: it does not say.
  std::optional<std::uint64_t> free_bytes() const;

 private:
  StateFolder(std::filesystem::path root, os::Descriptor lock, std::unique_ptr<Trash> trash)
      : root_(std::move(root)), lock_(std::move(lock)), trash_(std::move(trash)) {}

  std::filesystem::path root_;
  os::Descriptor lock_;
  std::unique_ptr<Trash> trash_;
};

}  // namespace melon::agent
