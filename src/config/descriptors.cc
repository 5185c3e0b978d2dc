// SPDX-License-Identifier: Apache-2.0
// Reads vendor descriptors: files to documents, rows with their defaults, rules.
#include "config/descriptors.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "config/detail/descriptor_fields.h"
#include "config/detail/files.h"
#include "config/document.h"
#include "config/hami_device_config.h"
#include "vendors/builtin.h"

namespace melon::config {
namespace {

using vendors::Descriptor;

constexpr std::string_view kBackends = "backends";
constexpr std::string_view kDefaults = "defaults";
constexpr std::string_view kWord = "word";
constexpr std::string_view kWordVariable = "{word}";
constexpr std::size_t kMostTold = 20;  // violations in one message

/// `own` with what only `defaults` says; mappings merge at every level, other values replace.
Document merged(const Document& defaults, const Document& own) {
  if (defaults.kind != Document::Kind::kMapping || own.kind != Document::Kind::kMapping) return own;
  Document whole = own;
  for (const Document& item : defaults.items) {
    const auto mine = std::ranges::find(whole.items, item.key, &Document::key);
    if (mine == whole.items.end()) {
      whole.items.push_back(item);
    } else {
      *mine = merged(item, *mine);
    }
  }
  return whole;
}

void replace_word(std::string& text, const std::string& word) {
  for (auto at = text.find(kWordVariable); at != std::string::npos;
       at = text.find(kWordVariable, at + word.size()))
    text.replace(at, kWordVariable.size(), word);
}

/// Writes the row's word wherever {word} stands, in names as in values.
void fill_in_word(Document& document, const std::string& word) {
  replace_word(document.key, word);
  replace_word(document.scalar, word);
  for (Document& item : document.items) fill_in_word(item, word);
}

/// The descriptor's document with every backend complete and without `defaults`.
Document with_complete_backends(Document document) {
  const Document* const found = document.find(kDefaults);
  const Document defaults = found == nullptr ? Document{} : *found;
  for (Document& item : document.items) {
    if (item.key != kBackends) continue;
    for (Document& backend : item.items) {
      backend = merged(defaults, backend);
      const Document* const word = backend.find(kWord);
      if (word != nullptr) fill_in_word(backend, std::string(word->scalar));
    }
  }
  if (defaults.kind == Document::Kind::kMapping)
    std::erase_if(document.items, [](const Document& item) { return item.key == kDefaults; });
  return document;
}

/// A descriptor with the text that it came from, to find lines again.
struct Parsed {
  Descriptor descriptor;
  Document document;
};

Result<Parsed> parse_one(const TextFile& file) {
  Parsed parsed;
  MELON_TRY(Document document, parse_yaml(file.name, file.content));
  parsed.document = with_complete_backends(std::move(document));
  MELON_TRY(parsed.descriptor, detail::Codec<Descriptor>::read(file.name, parsed.document));
  parsed.descriptor.source = file.name;
  return parsed;
}

/// The line of a path, or of as much of it as the text has.
int line_of(const Document& document, std::span<const std::string> path) {
  const Document* at = &document;
  for (const std::string& step : path) {
    const Document* inner = at->find(step);
    if (at->kind == Document::Kind::kSequence) {
      const std::size_t position = std::stoul(step);
      inner = position < at->items.size() ? &at->items[position] : nullptr;
    }
    if (inner == nullptr) break;
    at = inner;
  }
  return at->line;
}

Result<std::vector<Descriptor>> checked(std::vector<Parsed> parsed) {
  std::vector<Descriptor> descriptors;
  for (Parsed& one : parsed) descriptors.push_back(std::move(one.descriptor));
  const auto violations = vendors::check(descriptors);
  if (violations.empty()) return descriptors;
  const auto line = [&parsed](const vendors::Violation& one) {
    return line_of(parsed.at(one.descriptor).document, one.path);
  };
  const vendors::Violation& first = violations.front();
  std::string message = fmt::format("{}: {}", first.field(), first.message);
  for (std::size_t i = 1; i < std::min(violations.size(), kMostTold); ++i) {
    const vendors::Violation& one = violations[i];
    message += fmt::format("\n  {}:{}: {}: {} ({})", descriptors.at(one.descriptor).source,
                           line(one), one.field(), one.message, one.remedy);
  }
  if (violations.size() > kMostTold)
    message += fmt::format("\n  ... and {} more", violations.size() - kMostTold);
  return fail_at(descriptors.at(first.descriptor).source, line(first), message, first.remedy);
}

Result<std::vector<Parsed>> parse_all(std::span<const TextFile> files) {
  std::vector<Parsed> parsed;
  for (const TextFile& file : files) {
    MELON_TRY(Parsed one, parse_one(file));
    parsed.push_back(std::move(one));
  }
  return parsed;
}

std::vector<TextFile> builtin_files() {
  std::vector<TextFile> files;
  for (const embedded::File& file : embedded::vendor_files())
    files.push_back({std::string(file.name), std::string(file.content)});
  return files;
}

/// The built-in ones; another of the same id replaces one of them.
Result<std::vector<Descriptor>> over_builtin(std::span<const TextFile> files) {
  MELON_TRY(auto parsed, parse_all(builtin_files()));
  MELON_TRY(auto overrides, parse_all(files));
  std::erase_if(parsed, [&overrides](const Parsed& builtin) {
    return std::ranges::any_of(overrides, [&builtin](const Parsed& own) {
      return own.descriptor.id == builtin.descriptor.id;
    });
  });
  std::ranges::move(overrides, std::back_inserter(parsed));
  return checked(std::move(parsed));
}

}  // namespace

Result<std::vector<Descriptor>> parse_descriptors(std::span<const TextFile> files) {
  MELON_TRY(auto parsed, parse_all(files));
  return checked(std::move(parsed));
}

Result<std::vector<Descriptor>> load_descriptors(const std::string& override_folder) {
  std::vector<TextFile> files;
  if (override_folder.empty()) return over_builtin(files);
  MELON_TRY(const auto paths, detail::yaml_files_in(override_folder));
  std::vector<TextFile> hami;
  for (const std::string& path : paths) {
    MELON_TRY(std::string content, detail::read_file(path));
    TextFile file{path, std::move(content)};
    const bool is_hami = path.ends_with("/" + std::string(kHamiDeviceConfig)) ||
                         path.ends_with("/" + std::string(kHamiNodeConfig));
    (is_hami ? hami : files).push_back(std::move(file));
  }
  MELON_TRY(auto descriptors, over_builtin(files));
  // What holds for all nodes first: by name, config.json comes before device-config.yaml.
  std::ranges::reverse(hami);
  for (const TextFile& file : hami)
    MELON_RETURN_IF_ERROR(apply_hami_device_config(file, descriptors));
  return descriptors;
}

Result<Checked> load_descriptors_with(const std::string& file) {
  MELON_TRY(std::string content, detail::read_file(file));
  const TextFile files[] = {{file, std::move(content)}};
  MELON_TRY(const Document document, parse_yaml(file, files[0].content));
  Checked checked;
  if (document.find("data") == nullptr && document.find("id") != nullptr) {
    MELON_TRY(checked.descriptors, over_builtin(files));
    checked.id = document.find("id")->scalar;
    return checked;
  }
  const bool is_hami = std::ranges::any_of(document.items, [](const Document& item) {
    return item.key == "data" || item.kind == Document::Kind::kMapping ||
           item.kind == Document::Kind::kSequence;
  });
  if (!is_hami || document.find(kBackends) != nullptr) {
    MELON_TRY(checked.descriptors, over_builtin(files));  // says what a descriptor misses
    return checked;
  }
  MELON_TRY(checked.descriptors, over_builtin({}));
  MELON_TRY(checked.notes, apply_hami_device_config(files[0], checked.descriptors));
  return checked;
}

std::string to_json(const Descriptor& descriptor) {
  return detail::Codec<Descriptor>::write(descriptor);
}

std::string to_answer(const Descriptor& descriptor) {
  using Json = nlohmann::ordered_json;
  Json json = Json::parse(to_json(descriptor));
  json["name"] = descriptor.title;
  json["enforcement"] = core::to_text(descriptor.enforcement);
  json["discovery"] = vendors::word_of(descriptor.discovery);
  json["source"] = descriptor.source.empty() ? Json() : Json(descriptor.source);
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::string descriptor_schema() {
  using Backends = detail::Codec<vendors::Backend>;
  using Json = nlohmann::ordered_json;
  Json schema = {{"$schema", "http://json-schema.org/draft-07/schema#"},
                 {"title", "A vendor of devices"}};
  schema.update(Json::parse(detail::Codec<Descriptor>::schema()));
  Json defaults = Json::parse(Backends::schema(Backends::Required::kNone));
  defaults["description"] = "What every backend has that does not say otherwise.";
  schema["properties"][std::string(kDefaults)] = std::move(defaults);
  // What a backend lacks the defaults may have: that all of it is there is said after they merged.
  schema["properties"][std::string(kBackends)]["items"]["required"] = {kWord};
  return schema.dump(2) + "\n";
}

}  // namespace melon::config
