// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <string_view>

namespace melon::cli {

/// A key of an object that `-o json` prints.
struct JsonKey {
  std::string_view key;
  /// "text", "number", "true or false", "object", the name of a shape, or "list of" or "map of"
  /// one of these (a map has keys of its own); then perhaps " or null" and ", may be absent".
  std::string_view value;
  std::string_view meaning;
};

/// An object that `-o json` prints: its keys, in their order. Others may follow them.
struct JsonShape {
  std::string_view name;
  std::string_view meaning;
  std::span<const JsonKey> keys;
};

/// What a command prints, in the words of JsonKey::value.
struct JsonOutput {
  std::string_view command;
  std::string_view prints;
};

/// Every shape, each before those that it has inside.
std::span<const JsonShape> json_shapes();
/// Every command that heeds `-o json`, in the order of the help.
std::span<const JsonOutput> json_outputs();

/// The keys of the shape of that name; it has to be one of json_shapes().
std::span<const JsonKey> keys_of(std::string_view shape);

}  // namespace melon::cli
