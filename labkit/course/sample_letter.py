"""A letter as a mail program shows it under "show original", for notebook 03; everything in it is made up.

It went by way of a mailing list and was held there for a quarter of an hour, and one clock is ahead.
"""

SAMPLE = """\
Return-Path: <gardening-bounces+you=example.org@lists.example.net>
Delivered-To: you@example.org
Received: from mx2.example.org ([198.51.100.25])
\tby store.example.org with LMTP id 3kQzY0aW
\tfor <you@example.org>; Tue, 03 Mar 2026 09:17:18 +0100
Authentication-Results: mx2.example.org;
\tspf=pass smtp.mailfrom=lists.example.net;
\tdkim=fail (body changed) header.d=example.com
Received: from lists.example.net (lists.example.net [203.0.113.7])
\tby mx2.example.org with ESMTPS id 8Xw1Rb
\tfor <you@example.org>; Tue, 03 Mar 2026 09:17:15 +0100
Received: by lists.example.net (list software, from user 99)
\tid 5F2A0C; Tue, 03 Mar 2026 08:00:09 +0000
Received: from mail.example.com (mail.example.com [192.0.2.25])
\tby lists.example.net with ESMTPS id 77Q41x
\tfor <gardening@lists.example.net>; Tue, 03 Mar 2026 08:00:07 +0000
DKIM-Signature: v=1; a=rsa-sha256; d=example.com; s=k1;
\th=from:to:subject:date:message-id; bh=Zm9yIHNob3c=; b=bm90aGluZyByZWFs
Received: from [10.0.0.23] (dsl-200.example.com [192.0.2.200])
\tby mail.example.com with ESMTPSA id m1ZtkE
\tfor <gardening@lists.example.net>; Tue, 03 Mar 2026 08:00:11 +0000
From: Ann Lee <ann@example.com>
To: gardening@lists.example.net
Subject: [gardening] Frost tonight?
Date: Tue, 3 Mar 2026 09:00:03 +0100
Message-ID: <f3b7.1772524803@ann-pc.example.com>
List-Id: Gardening <gardening.lists.example.net>
List-Unsubscribe: <mailto:gardening-leave@lists.example.net>
MIME-Version: 1.0
Content-Type: text/plain; charset=us-ascii
Content-Transfer-Encoding: 7bit

Cover your lemon trees!
--
You are on the list "gardening".
"""
