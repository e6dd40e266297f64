# What `cmake --install` puts where.

include(GNUInstallDirs)

foreach(program IN ITEMS muster-broker muster-worker muster-cli)
    if(TARGET ${program})
        install(TARGETS ${program} RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
    endif()
endforeach()

if(TARGET muster)
    install(TARGETS muster LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR})
    install(FILES lib/include/muster.h DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
    configure_file(cmake/muster.pc.in muster.pc @ONLY)
    install(FILES "${CMAKE_BINARY_DIR}/muster.pc" DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
endif()
if(TARGET muster_static)
    install(TARGETS muster_static ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
endif()
