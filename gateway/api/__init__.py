"""Routes of the IDE, staff and the LMS: each module one resource."""
