# The installed package: libraries and headers for find_package(EventBus) and pkg-config. Programs and plugins install
# themselves, where they are defined.
include(CMakePackageConfigHelpers)

# Of these, what is built here belongs to the package. `typed` has an export set of its own, so that the package is
# found where its dependency is not (EventBusConfig.cmake.in).
foreach(library api memory host typed testing)
  if(NOT TARGET eventbus_${library})
    continue()
  endif()
  set(export EventBusTargets)
  if(library STREQUAL typed)
    set(export EventBusTypedTargets)
  endif()
  list(APPEND EVENTBUS_LIBRARIES ${library})
  list(APPEND exports ${export})
  install(
    TARGETS eventbus_${library}
    EXPORT ${export}
    ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT dev
    FILE_SET HEADERS DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} COMPONENT dev)
endforeach()

set(config_dir "${CMAKE_INSTALL_LIBDIR}/cmake/EventBus")
list(REMOVE_DUPLICATES exports)
foreach(export ${exports})
  install(
    EXPORT ${export}
    NAMESPACE EventBus::
    DESTINATION ${config_dir}
    COMPONENT dev)
endforeach()

file(RELATIVE_PATH EVENTBUS_PLUGIN_DIR "${CMAKE_INSTALL_PREFIX}" "${CMAKE_INSTALL_FULL_LIBDIR}/eventbus/plugins")
file(RELATIVE_PATH EVENTBUS_BIN_DIR "${CMAKE_INSTALL_PREFIX}" "${CMAKE_INSTALL_FULL_BINDIR}")
configure_package_config_file(
  cmake/EventBusConfig.cmake.in EventBusConfig.cmake
  INSTALL_DESTINATION ${config_dir}
  PATH_VARS EVENTBUS_PLUGIN_DIR EVENTBUS_BIN_DIR)
write_basic_package_version_file(EventBusConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(
  FILES "${CMAKE_CURRENT_BINARY_DIR}/EventBusConfig.cmake" "${CMAKE_CURRENT_BINARY_DIR}/EventBusConfigVersion.cmake"
        cmake/EventBusAddPlugin.cmake cmake/CheckPluginExports.cmake
  DESTINATION ${config_dir}
  COMPONENT dev)

# Relative to where the .pc files lie, so that the prefix may move.
file(RELATIVE_PATH EVENTBUS_PC_PREFIX "${CMAKE_INSTALL_FULL_LIBDIR}/pkgconfig" "${CMAKE_INSTALL_PREFIX}")
foreach(package eventbus eventbus-api)
  configure_file(cmake/${package}.pc.in ${package}.pc @ONLY)
  install(
    FILES "${CMAKE_CURRENT_BINARY_DIR}/${package}.pc"
    DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig
    COMPONENT dev)
endforeach()
