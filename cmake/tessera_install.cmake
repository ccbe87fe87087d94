# What `cmake --install` leaves: the attention library for C++ (static) and C (shared), with their
# headers, a CMake package and pkg-config files, all found relative to themselves. A program that
# uses the static library links Highway: the package looks for it by find_dependency(hwy), as
# Debian's libhwy-dev and Highway's own installation provide it.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

# A header that is not listed here is private.
set(public_headers
  core/aligned_buffer.h core/dtype.h core/error.h core/executor.h
  attention/attention.h attention/calibration.h attention/control.h attention/level_table.h
  attention/mass.h attention/max_gap.h
  attention/merge_partials.h attention/skip_state.h attention/tensor_view.h
  attention/tile_geometry.h attention/token_order.h attention/token_ranges.h
  attention/c/tessera_attention.h)
foreach(header ${public_headers})
  get_filename_component(folder ${header} DIRECTORY)
  install(FILES ${CMAKE_SOURCE_DIR}/tessera/${header} COMPONENT attention
          DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/tessera/${folder})
endforeach()

target_compile_features(tessera_core PUBLIC cxx_std_20)
target_link_libraries(tessera_core PUBLIC $<INSTALL_INTERFACE:Threads::Threads>)
target_link_libraries(tessera_attention PUBLIC $<INSTALL_INTERFACE:$<LINK_ONLY:hwy::hwy>>)
set_target_properties(tessera_core PROPERTIES EXPORT_NAME core)
set_target_properties(tessera_attention PROPERTIES EXPORT_NAME attention)
set_target_properties(tessera_attention_c PROPERTIES EXPORT_NAME attention_c)
install(TARGETS tessera_core tessera_attention tessera_attention_c EXPORT tessera
        ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT attention
        LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT attention
        INCLUDES DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})

set(package_folder ${CMAKE_INSTALL_LIBDIR}/cmake/tessera)
install(EXPORT tessera NAMESPACE tessera:: FILE tessera-targets.cmake
        DESTINATION ${package_folder} COMPONENT attention)
write_basic_package_version_file(${CMAKE_BINARY_DIR}/tessera-config-version.cmake
                                 COMPATIBILITY SameMinorVersion)
install(FILES ${CMAKE_CURRENT_LIST_DIR}/tessera-config.cmake
              ${CMAKE_BINARY_DIR}/tessera-config-version.cmake
        DESTINATION ${package_folder} COMPONENT attention)

# Back from pkg-config's folder to the prefix: the libraries' folder may have several parts.
file(RELATIVE_PATH up /${CMAKE_INSTALL_LIBDIR}/pkgconfig /)
foreach(name tessera_attention tessera_attention_cpp)
  configure_file(${CMAKE_CURRENT_LIST_DIR}/${name}.pc.in ${CMAKE_BINARY_DIR}/${name}.pc @ONLY)
  install(FILES ${CMAKE_BINARY_DIR}/${name}.pc COMPONENT attention
          DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
endforeach()
