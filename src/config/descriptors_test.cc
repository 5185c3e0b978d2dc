// SPDX-License-Identifier: Apache-2.0
// Descriptors from YAML: the built-in ones, overrides, and refusals with their places.
#include "config/descriptors.h"

#include <gtest/gtest.h>

#include <unistd.h>

#include <filesystem>
#include <fstream>

namespace melon::config {
namespace {

constexpr std::string_view kAcme = R"(id: acme
title: Acme cards
discovery: nvml
libraries: [libacme.so.1]
kinds: [gpu]
enforcement: none
defaults: {memory: {unit_mib: 256}, keys: {allocated: "acme.com/{word}-devices"}}
backends:
  - word: Acme
    resources:
      count: acme.com/card
      memory: acme.com/memory
    aliases: [{name: acme.com/old, stands_for: count}]
environment:
  ACME_VISIBLE: "{device_ids}"
)";

std::string with(std::string_view from, std::string_view to) {
  std::string text(kAcme);
  return text.replace(text.find(from), from.size(), to);
}

TEST(ParseDescriptors, ReadsEveryField) {
  const TextFile files[] = {{"acme.yaml", std::string(kAcme)}};
  const auto descriptors = parse_descriptors(files);
  ASSERT_TRUE(descriptors) << descriptors.error().message;
  const vendors::Descriptor& acme = descriptors->front();
  EXPECT_EQ(acme.id, "acme");
  EXPECT_EQ(acme.discovery, vendors::Discovery::kNvml);
  EXPECT_EQ(acme.kinds, std::vector{vendors::Kind::kGpu});
  ASSERT_EQ(acme.backends.size(), 1U);
  const vendors::Backend& backend = acme.backends.front();
  EXPECT_EQ(backend.resources.memory, "acme.com/memory");
  EXPECT_EQ(backend.aliases.front().name, "acme.com/old");
  EXPECT_EQ(backend.memory.unit_mib, 256) << "from the defaults";
  EXPECT_EQ(backend.keys.allocated, "acme.com/Acme-devices") << "with the row's word";
  EXPECT_EQ(acme.environment.at("ACME_VISIBLE"), "{device_ids}");
  EXPECT_EQ(acme.source, "acme.yaml");
}

TEST(ParseDescriptors, RefusesWithFileLineRuleAndRemedy) {
  struct Case {
    std::string text;
    std::string_view start;
  };
  const Case cases[] = {
      {with("id: acme", "id: Acme"), "acme.yaml:1: id: id 'Acme'"},
      {with("title: Acme cards\n", ""), "acme.yaml:1: field 'title' is missing"},
      {with("discovery: nvml", "discovery: magic"), "acme.yaml:3: discovery: discovery 'magic'"},
      {with("[libacme.so.1]", "libacme.so.1"), "acme.yaml:4: libraries: 'libraries' needs a list"},
      {with("[gpu]", "[gpu, fpga]"), "acme.yaml:5: kinds: kind 'fpga'"},
      {with("enforcement: none", "enforcement: soft"), "acme.yaml:6: enforcement: enforcement"},
      {with("      memory:", "      memry:"), "acme.yaml:12: 'memry' is no field"},
      {with("acme.com/memory", "acme.com/card"),
       "acme.yaml:12: backends.0.resources.memory: resource"},
      {with("{device_ids}", "{devices}"), "acme.yaml:15: environment.ACME_VISIBLE: template"},
      {with("title:", "tilte:"), "acme.yaml:2: 'tilte' is no field"},
      {with("unit_mib: 256", "unit_mib: -1"), "acme.yaml:7: unit_mib: 'unit_mib' needs a whole"},
      {with("unit_mib: 256", "unit_mib: 0"), "acme.yaml:7: backends.0.memory.unit_mib: a unit"},
      {with("count}]", "cards}]"), "acme.yaml:13: stands_for: resource 'cards'"},
      {with("- word: Acme", "- wrod: Acme"), "acme.yaml:9: 'wrod' is no field"},
      {with("backends:", "backend:"), "acme.yaml:8: 'backend' is no field"},
      {"", "acme.yaml:1: NAME: VALUE"},
      {"[]", "acme.yaml:1: NAME: VALUE"},
  };
  for (const Case& one : cases) {
    const TextFile files[] = {{"acme.yaml", one.text}};
    const auto descriptors = parse_descriptors(files);
    ASSERT_FALSE(descriptors) << one.text;
    EXPECT_TRUE(descriptors.error().message.starts_with(one.start)) << descriptors.error().message;
    EXPECT_FALSE(descriptors.error().remedy.empty());
  }
}

TEST(ParseDescriptors, TellsEveryViolation) {
  std::string text = with("unit_mib: 256", "unit_mib: 0");
  const std::string_view good = "acme.com/memory";
  text.replace(text.find(good), good.size(), "acme.com/card");
  const TextFile files[] = {{"acme.yaml", text}};
  const auto descriptors = parse_descriptors(files);
  ASSERT_FALSE(descriptors);
  const std::string& message = descriptors.error().message;
  EXPECT_NE(message.find("acme.yaml:7: backends.0.memory.unit_mib"), std::string::npos) << message;
  EXPECT_NE(message.find("acme.yaml:12: backends.0.resources.memory"), std::string::npos)
      << message;
}

TEST(LoadDescriptors, TheBuiltInOnesKeepTheRules) {
  const auto descriptors = load_descriptors("");
  ASSERT_TRUE(descriptors) << descriptors.error().message;
  const vendors::Descriptor* const opencl = vendors::find(*descriptors, "opencl");
  ASSERT_NE(opencl, nullptr);
  EXPECT_EQ(opencl->enforcement, core::Enforcement::kShim);
  EXPECT_TRUE(vendors::is_process_library(
      *opencl, "/usr/lib/x86_64-linux-gnu/pocl/libpocl-devices-pthread.so"));
  EXPECT_FALSE(vendors::is_process_library(*opencl, "/usr/lib/libOpenCL.so.1"));
  const vendors::Descriptor* const nvidia = vendors::find(*descriptors, "nvidia");
  ASSERT_NE(nvidia, nullptr);
  EXPECT_EQ(nvidia->enforcement, core::Enforcement::kNone);
  EXPECT_EQ(nvidia->backends.front().resources.memory, "nvidia.com/gpumem");
}

class OverrideFolder : public ::testing::Test {
 protected:
  void SetUp() override { std::filesystem::create_directories(folder_); }
  void TearDown() override { std::filesystem::remove_all(folder_); }
  void write(const std::string& name, std::string_view text) const {
    std::ofstream(folder_ + "/" + name) << text;
  }

  std::string folder_ = ::testing::TempDir() + "/melon_vendors_" + std::to_string(::getpid());
};

TEST_F(OverrideFolder, ReplacesByIdAndAdds) {
  const std::size_t built_in = load_descriptors("")->size();
  write("mine.yaml", with("id: acme", "id: nvidia"));
  write("readme.txt", "not a descriptor");
  const auto descriptors = load_descriptors(folder_);
  ASSERT_TRUE(descriptors) << descriptors.error().message;
  EXPECT_EQ(descriptors->size(), built_in);
  EXPECT_EQ(vendors::find(*descriptors, "nvidia")->title, "Acme cards");
  EXPECT_EQ(vendors::find(*descriptors, "nvidia")->source, folder_ + "/mine.yaml");
  write("mine.yaml", kAcme);
  EXPECT_EQ(load_descriptors(folder_)->size(), built_in + 1);
}

TEST_F(OverrideFolder, ABrokenFileIsNamed) {
  write("broken.yaml", "id: [");
  const auto descriptors = load_descriptors(folder_);
  ASSERT_FALSE(descriptors);
  EXPECT_TRUE(descriptors.error().message.starts_with(folder_ + "/broken.yaml:"))
      << descriptors.error().message;
}

TEST_F(OverrideFolder, AFolderThatIsNotThereIsAnError) {
  EXPECT_EQ(load_descriptors(folder_ + "/none").error().code, Code::kNotFound);
}

}  // namespace
}  // namespace melon::config
