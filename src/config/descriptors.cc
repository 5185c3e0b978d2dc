// SPDX-License-Identifier: Apache-2.0
// Reads vendor descriptors by one table of fields.
#include "config/descriptors.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <iterator>
#include <utility>

#include "config/detail/files.h"
#include "config/document.h"
#include "core/names.h"
#include "vendors/builtin.h"

namespace melon::config {
namespace {

using vendors::Descriptor;
using vendors::ResourceNames;

Result<std::string> text_of(const Document& value) {
  if (value.kind == Document::Kind::kScalar) return value.scalar;
  return fail(Code::kInvalidArgument, fmt::format("'{}' needs one value", value.key),
              fmt::format("write {}: VALUE", value.key));
}

Result<std::vector<std::string>> list_of(const Document& value) {
  std::vector<std::string> texts;
  for (const Document& item : value.items)
    if (item.kind == Document::Kind::kScalar) texts.push_back(item.scalar);
  if (value.kind == Document::Kind::kSequence && texts.size() == value.items.size()) return texts;
  return fail(Code::kInvalidArgument, fmt::format("'{}' needs a list of words", value.key),
              fmt::format("write {}: [WORD, ...]", value.key));
}

Result<std::map<std::string, std::string>> mapping_of(const Document& value) {
  std::map<std::string, std::string> texts;
  for (const Document& item : value.items)
    if (item.kind == Document::Kind::kScalar) texts.emplace(item.key, item.scalar);
  if (value.kind == Document::Kind::kMapping && texts.size() == value.items.size()) return texts;
  return fail(Code::kInvalidArgument, fmt::format("'{}' needs NAME: VALUE lines", value.key),
              fmt::format("write {}: {{NAME: VALUE}}", value.key));
}

Result<> read_kinds(Descriptor& descriptor, const Document& value) {
  MELON_TRY(const auto words, list_of(value));
  descriptor.kinds.clear();
  for (const std::string& word : words) {
    MELON_TRY(const vendors::Kind kind, vendors::parse_kind(word));
    descriptor.kinds.push_back(kind);
  }
  return {};
}

struct Field {
  std::string_view name;  // one that is inside `resources` with its dot, as in vendors::Violation
  Result<> (*read)(Descriptor& descriptor, const Document& value);
};

template <auto kField, auto kConvert>
Result<> read_with(Descriptor& descriptor, const Document& value) {
  MELON_TRY(descriptor.*kField, kConvert(value));
  return {};
}

template <auto kField, auto kParse>
Result<> read_word(Descriptor& descriptor, const Document& value) {
  MELON_TRY(const std::string word, text_of(value));
  MELON_TRY(descriptor.*kField, kParse(word));
  return {};
}

template <auto kField>
Result<> read_resource(Descriptor& descriptor, const Document& value) {
  MELON_TRY(descriptor.resources.*kField, text_of(value));
  return {};
}

using D = Descriptor;
using R = ResourceNames;
constexpr std::string_view kResources = "resources";
constexpr std::array kFields = {
    Field{"id", read_with<&D::id, text_of>},
    Field{"title", read_with<&D::title, text_of>},
    Field{"discovery", read_word<&D::discovery, vendors::parse_discovery>},
    Field{"libraries", read_with<&D::libraries, list_of>},
    Field{"kinds", read_kinds},
    Field{"enforcement", read_word<&D::enforcement, core::parse_enforcement>},
    Field{"process_libraries", read_with<&D::process_libraries, list_of>},
    Field{"device_nodes", read_with<&D::device_nodes, list_of>},
    Field{"environment", read_with<&D::environment, mapping_of>},
    Field{"resources.count", read_resource<&R::count>},
    Field{"resources.memory", read_resource<&R::memory>},
    Field{"resources.memory_percentage", read_resource<&R::memory_percentage>},
    Field{"resources.compute", read_resource<&R::compute>},
    Field{"resources.priority", read_resource<&R::priority>},
    Field{"resource_aliases", read_with<&D::resource_aliases, mapping_of>},
};

std::string known_fields() {
  std::string names;
  for (const Field& known : kFields)
    names += fmt::format("{}{}", names.empty() ? "" : ", ", known.name);
  return "known fields are " + names;
}

Result<> read_field(const std::string& file, const std::string& name, const Document& value,
                    Descriptor& descriptor) {
  const auto* const field = std::ranges::find(kFields, name, &Field::name);
  if (field == kFields.end())
    return fail_at(file, value.line, fmt::format("'{}' is no field of a descriptor", name),
                   known_fields());
  if (const auto read = field->read(descriptor, value); !read)
    return fail_at(file, value.line, fmt::format("{}: {}", name, read.error().message),
                   read.error().remedy);
  return {};
}

Result<> expect_mapping(const std::string& file, const Document& document) {
  if (document.kind == Document::Kind::kMapping) return {};
  return fail_at(file, document.line, "NAME: VALUE lines are expected here", known_fields());
}

Result<> read_descriptor(const std::string& file, const Document& document,
                         Descriptor& descriptor) {
  MELON_RETURN_IF_ERROR(expect_mapping(file, document));
  for (const Document& value : document.items) {
    if (value.key != kResources) {
      MELON_RETURN_IF_ERROR(read_field(file, value.key, value, descriptor));
      continue;
    }
    MELON_RETURN_IF_ERROR(expect_mapping(file, value));
    for (const Document& name : value.items)
      MELON_RETURN_IF_ERROR(
          read_field(file, fmt::format("{}.{}", kResources, name.key), name, descriptor));
  }
  return {};
}

/// A descriptor with the text that it came from, to find lines again.
struct Parsed {
  Descriptor descriptor;
  Document document;
};

Result<Parsed> parse_one(const TextFile& file) {
  Parsed parsed;
  MELON_TRY(parsed.document, parse_yaml(file.name, file.content));
  parsed.descriptor.source = file.name;
  MELON_RETURN_IF_ERROR(read_descriptor(file.name, parsed.document, parsed.descriptor));
  for (const std::string_view required : {"id", "title", "discovery", "enforcement"})
    if (parsed.document.find(required) == nullptr)
      return fail_at(file.name, parsed.document.line,
                     fmt::format("field '{}' is missing", required),
                     fmt::format("add {}: VALUE", required));
  return parsed;
}

/// The line of "resources.memory", or of as much of it as the text has.
int line_of(const Document& document, std::string_view field) {
  const Document* at = document.find(field.substr(0, field.find('.')));
  if (at == nullptr) return document.line;
  const auto dot = field.find('.');
  const Document* const inner =
      dot == std::string_view::npos ? nullptr : at->find(field.substr(dot + 1));
  return inner == nullptr ? at->line : inner->line;
}

Result<std::vector<Descriptor>> checked(std::vector<Parsed> parsed) {
  std::vector<Descriptor> descriptors;
  for (Parsed& one : parsed) descriptors.push_back(std::move(one.descriptor));
  const auto violations = vendors::check(descriptors);
  if (violations.empty()) return descriptors;
  const vendors::Violation& first = violations.front();
  return fail_at(descriptors.at(first.descriptor).source,
                 line_of(parsed.at(first.descriptor).document, first.field),
                 fmt::format("{}: {}", first.field, first.message), first.remedy);
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

}  // namespace

Result<std::vector<Descriptor>> parse_descriptors(std::span<const TextFile> files) {
  MELON_TRY(auto parsed, parse_all(files));
  return checked(std::move(parsed));
}

Result<std::vector<Descriptor>> load_descriptors(const std::string& override_folder) {
  MELON_TRY(auto parsed, parse_all(builtin_files()));
  if (override_folder.empty()) return checked(std::move(parsed));
  std::vector<TextFile> files;
  MELON_TRY(const auto paths, detail::yaml_files_in(override_folder));
  for (const std::string& path : paths) {
    MELON_TRY(std::string content, detail::read_file(path));
    files.push_back({path, std::move(content)});
  }
  MELON_TRY(auto overrides, parse_all(files));
  std::erase_if(parsed, [&overrides](const Parsed& builtin) {
    return std::ranges::any_of(overrides, [&builtin](const Parsed& own) {
      return own.descriptor.id == builtin.descriptor.id;
    });
  });
  std::ranges::move(overrides, std::back_inserter(parsed));
  return checked(std::move(parsed));
}

}  // namespace melon::config
