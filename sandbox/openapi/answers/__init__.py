"""What each route answers, field by field: the promise that the views keep.

Nothing at run time reads these models; the document is made from them, and tests hold every answer against it.
`statusCode` stands in every answer. Amounts are numbers, instants are in UTC and end in Z.
"""
