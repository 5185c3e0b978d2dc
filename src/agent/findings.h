// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "agent/answers.h"
#include "core/device.h"

namespace melon::agent {

/// What the daemon knows of its own troubles, as plain facts.
struct Circumstances {
  std::vector<Finding> discovery = {};  // what discovery itself has to say
  std::vector<core::Device> devices = {};
  std::string preload_library = {};  // empty: not found
  std::vector<std::string> preload_candidates = {};
  std::vector<std::pair<std::string, std::string>> broken_ledgers = {};  // grant's name, which rule
  std::vector<std::string> private_ledgers = {};                         // grants' names
  std::vector<std::string> unmanaged = {};  // "process 4711 of alice"; "a process of bob"
  std::vector<std::string> grants_without_device = {};
  std::size_t unsaved_changes = 0;
  std::string state_folder = {};
  std::optional<std::uint64_t> state_free_bytes = {};
  std::int64_t clock_behind_ms = 0;  // how much later the last stored event is than now
  bool is_root = false;
};

/// What doctor shows of them. Codes are stable. Pure.
std::vector<Finding> findings_of(const Circumstances& facts);

}  // namespace melon::agent
