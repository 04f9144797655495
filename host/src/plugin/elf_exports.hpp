// What a shared library exports, read without running any of its code.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace eventbus::host {

// The names in the dynamic symbol table that the file defines. (boost::dll::library_info reads the full symbol table
// instead, which `strip` removes.) Throws std::runtime_error that says what the file is, if it is no shared library of
// this machine.
std::vector<std::string> elf_exports(const std::filesystem::path& path);

}  // namespace eventbus::host
