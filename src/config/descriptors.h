// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "vendors/descriptor.h"

namespace melon::config {

/// One YAML text with the name that messages call it by.
struct TextFile {
  std::string name = {};
  std::string content = {};
};

/// Reads one descriptor from each file, checks each and all together (vendors::check). Errors:
/// kInvalidArgument, "FILE:LINE: rule", with a remedy.
Result<std::vector<vendors::Descriptor>> parse_descriptors(std::span<const TextFile> files);

/// The descriptors built into the binary; a file in `override_folder` (*.yaml) with the same id
/// replaces one of them, with another id adds one; device-config.yaml is HAMi's configuration of
/// devices, which changes what is there then. An empty folder name: the built-in ones alone.
/// Errors: those of parse_descriptors(), kNotFound when the folder cannot be read.
Result<std::vector<vendors::Descriptor>> load_descriptors(const std::string& override_folder);

/// What one file makes of the built-in descriptors.
struct Checked {
  std::vector<vendors::Descriptor> descriptors = {};
  std::string id = {};                  // of the file's vendor; empty for HAMi's configuration
  std::vector<std::string> notes = {};  // what the file says that is not used
};

/// The built-in descriptors with one file of any name: a descriptor, or HAMi's device-config.yaml.
Result<Checked> load_descriptors_with(const std::string& file);

/// What the descriptor says that is not the default, as a JSON object with the names of the YAML.
std::string to_json(const vendors::Descriptor& descriptor);

/// The same with what people look for in every answer: name, enforcement, discovery, and the file
/// that it comes from, or null.
std::string to_answer(const vendors::Descriptor& descriptor);

/// The JSON schema (draft 7) of a descriptor's file, from the tables that the loader reads by.
/// Rules that span fields are vendors::check's alone.
std::string descriptor_schema();

}  // namespace melon::config
